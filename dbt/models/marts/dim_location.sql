{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['location_key'], 'unique': true}],
    )
}}

-- One score stands for each new combination; its event tells what the combination is.

with

new_score as (

    select
        score.location_key,
        score.score_id
    from {{ ref('int_scored_event') }} as score
    {% if is_incremental() %}
        where not exists (
            select from {{ this }} as known
            where known.location_key = score.location_key
        )
    {% endif %}

),

new_member as (

    select
        location_key,
        max(score_id::text)::uuid as score_id
    from new_score
    group by location_key

),

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
