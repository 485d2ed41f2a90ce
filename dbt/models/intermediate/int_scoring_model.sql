{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['model_key'], 'unique': true}],
        pre_hook="{{ take_arrivals(ref('int_scored_event')) }}",
        post_hook="{{ keep_arrivals() }}",
    )
}}

-- Which models have scored, remembered also when their scores are pruned from the source.

with

{{ new_members('model_key') }},

final as (

    select
        new_member.model_key,
        scored.model_version,
        scored.model_hash
    from new_member
    cross join lateral (
        select known.* from {{ ref('stg_scored_event') }} as known
        where known.score_id = new_member.score_id and known.model_key = new_member.model_key
        order by known.score_id
        limit 1
    ) as scored

)

select * from final
