{{
    config(
        materialized='table',
        indexes=[{'columns': ['date_key'], 'unique': true}],
    )
}}

-- Whole years from the first event to the last event or outcome; the current year where there are none yet.

with

bounds as (

    select
        min(event_time) as first_at,
        max(event_time) as last_at
    from {{ ref('int_scored_event') }}
    union all
    select
        min(observed_at) as first_at,
        max(observed_at) as last_at
    from {{ ref('stg_outcome') }}

),

years as (

    select
        date_trunc('year', coalesce(min(first_at), {{ dbt.current_timestamp() }}) at time zone 'UTC') as first_day,
        date_trunc('year', coalesce(max(last_at), {{ dbt.current_timestamp() }}) at time zone 'UTC')
        + interval '1 year' - interval '1 day' as last_day
    from bounds

),

day as (

    select generate_series(first_day, last_day, interval '1 day')::date as calendar_date
    from years

),

final as (

    select
        to_char(calendar_date, 'YYYYMMDD')::integer as date_key,
        calendar_date,
        extract(year from calendar_date)::integer as calendar_year,
        extract(quarter from calendar_date)::integer as calendar_quarter,
        extract(month from calendar_date)::integer as calendar_month,
        to_char(calendar_date, 'FMMonth') as month_name,
        extract(week from calendar_date)::integer as iso_week,
        extract(isodow from calendar_date)::integer as iso_day_of_week,
        to_char(calendar_date, 'FMDay') as day_name,
        extract(isodow from calendar_date) >= 6 as is_weekend
    from day

)

select * from final
