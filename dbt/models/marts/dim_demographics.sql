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
        demographics_key,
        is_female,
        is_senior_citizen,
        has_partner,
        has_dependents
    from described

)

select * from final
