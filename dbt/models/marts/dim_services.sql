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

final as (

    select
        new_member.services_key,
        described.has_phone_service,
        described.multiple_lines,
        described.internet_service,
        described.online_security,
        described.online_backup,
        described.device_protection,
        described.tech_support,
        described.streaming_tv,
        described.streaming_movies
    from new_member
    cross join lateral (
        select known.* from {{ ref('stg_scored_event') }} as known
        where known.score_id = new_member.score_id and known.services_key = new_member.services_key
        order by known.score_id
        limit 1
    ) as described

)

select * from final
