{{
    config(
        materialized='table',
        indexes=[{'columns': ['date_key'], 'unique': true}],
    )
}}

-- Whole years from the first event to the last event or outcome; the current year where there are none yet. The histogram has few
-- rows and knows all days of the fact.

with

bounds as (

    select
        to_date(min(least(event_date_key, first_outcome_date_key))::text, 'YYYYMMDD') as first_date,
        to_date(max(greatest(event_date_key, last_outcome_date_key))::text, 'YYYYMMDD') as last_date
    from {{ ref('int_score_histogram') }}

),

years as (

    select
        date_trunc('year', coalesce(first_date, current_date)::timestamp) as first_day,
        date_trunc('year', coalesce(last_date, current_date)::timestamp) + interval '1 year' - interval '1 day' as last_day
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
