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

final as (

    select
        new_member.location_key,
        described.zip_code,
        described.city,
        described.county,
        described.latitude,
        described.longitude
    from new_member
    cross join lateral (
        select known.* from {{ ref('stg_scored_event') }} as known
        where known.score_id = new_member.score_id and known.location_key = new_member.location_key
        order by known.score_id
        limit 1
    ) as described

)

select * from final
