{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['services_key'], 'unique': true}],
    )
}}

-- One score stands for each new combination; its event tells what the combination is.

with

new_score as (

    select
        score.services_key,
        score.score_id
    from {{ ref('int_scored_event') }} as score
    {% if is_incremental() %}
        where not exists (
            select from {{ this }} as known
            where known.services_key = score.services_key
        )
    {% endif %}

),

new_member as (

    select
        services_key,
        max(score_id::text)::uuid as score_id
    from new_score
    group by services_key

),

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
