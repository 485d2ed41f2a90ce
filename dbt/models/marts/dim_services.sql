{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['services_key'], 'unique': true}],
        pre_hook="{{ take_arrivals(ref('int_scored_event')) }}",
        post_hook="{{ keep_arrivals() }}",
    )
}}

with

{{ new_members('services_key') }},

event as (

    select * from {{ ref('stg_scored_event') }}

),

final as (

    select distinct
        new_member.services_key,
        event.has_phone_service,
        event.multiple_lines,
        event.internet_service,
        event.online_security,
        event.online_backup,
        event.device_protection,
        event.tech_support,
        event.streaming_tv,
        event.streaming_movies
    from new_member
    inner join event on new_member.score_id = event.score_id and new_member.services_key = event.services_key

)

select * from final
