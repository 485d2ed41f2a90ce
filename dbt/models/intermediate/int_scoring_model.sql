{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['model_key'], 'unique': true}],
    )
}}

-- Which models have scored, remembered also when their scores are pruned from the source. One score stands for each new model.

with

new_score as (

    select
        score.model_key,
        score.score_id
    from {{ ref('int_scored_event') }} as score
    {% if is_incremental() %}
        where not exists (
            select from {{ this }} as known
            where known.model_key = score.model_key
        )
    {% endif %}

),

new_member as (

    select
        model_key,
        max(score_id::text)::uuid as score_id
    from new_score
    group by model_key

),

final as (

    select distinct
        new_member.model_key,
        scored.model_version,
        scored.model_hash
    from new_member
    inner join {{ ref('stg_scored_event') }} as scored
        on new_member.score_id = scored.score_id and new_member.model_key = scored.model_key

)

select * from final
