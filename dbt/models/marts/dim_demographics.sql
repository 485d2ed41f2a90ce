{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['demographics_key'], 'unique': true}],
        pre_hook="{{ take_arrivals(ref('int_scored_event')) }}",
        post_hook="{{ keep_arrivals() }}",
    )
}}

with

{{ new_members('demographics_key') }},

final as (

    select
        new_member.demographics_key,
        described.is_female,
        described.is_senior_citizen,
        described.has_partner,
        described.has_dependents
    from new_member
    cross join lateral (
        select known.* from {{ ref('stg_scored_event') }} as known
        where known.score_id = new_member.score_id and known.demographics_key = new_member.demographics_key
        order by known.score_id
        limit 1
    ) as described

)

select * from final
