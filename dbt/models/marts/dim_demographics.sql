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
