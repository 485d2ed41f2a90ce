{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['location_key'], 'unique': true}],
        pre_hook="{{ take_arrivals(ref('int_scored_event')) }}",
        post_hook="{{ keep_arrivals() }}",
    )
}}

with

{{ new_members('location_key') }},

event as (

    select * from {{ ref('stg_scored_event') }}

),

final as (

    select distinct
        new_member.location_key,
        event.zip_code,
        event.city,
        event.county,
        event.latitude,
        event.longitude
    from new_member
    inner join event on new_member.score_id = event.score_id and new_member.location_key = event.location_key

)

select * from final
