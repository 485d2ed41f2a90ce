{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['demographics_key'], 'unique': true}],
    )
}}

-- One score stands for each new combination; its event tells what the combination is.

with

new_score as (

    select
        score.demographics_key,
        score.score_id
    from {{ ref('int_scored_event') }} as score
    {% if is_incremental() %}
        where not exists (
            select from {{ this }} as known
            where known.demographics_key = score.demographics_key
        )
    {% endif %}

),

new_member as (

    select
        demographics_key,
        max(score_id::text)::uuid as score_id
    from new_score
    group by demographics_key

),

event as (

    select * from {{ ref('stg_scored_event') }}

),

final as (

    select distinct
        new_member.demographics_key,
        event.is_female,
        event.is_senior_citizen,
        event.has_partner,
        event.has_dependents
    from new_member
    inner join event on new_member.score_id = event.score_id and new_member.demographics_key = event.demographics_key

)

select * from final
