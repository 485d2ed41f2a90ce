{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        meta={'arrival': 'first_arrived_at'},
        unique_key='customer_id',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['customer_id']}],
        pre_hook="{{ take_arrivals(ref('int_scored_event')) }}",
        post_hook="{{ keep_arrivals() }}",
    )
}}

-- Slowly changing, type 2. A version begins with the first event that shows it and ends where the next begins. All versions of a
-- customer with news are made anew from all that is known of that customer, so an event may come at any place of the history at
-- any time, and a full refresh gives the same rows.

{% if is_incremental() %}{% set read_before = read_arrivals() %}{% endif %}

with

-- Not materialized: read twice, by the index each time.
score as not materialized (

    select
        customer_id,
        event_time,
        score_id,
        demographics_key,
        location_key,
        services_key,
        contract_key,
        arrived_at
    from {{ ref('int_scored_event') }}

),

{% if is_incremental() %}
    news as (

        select * from score
        where arrived_at > {{ read_before }}

    ),

    customer_with_news as (

        -- In the order of the index that they are looked up in.
        select distinct customer_id from news
        order by customer_id

    ),

    history as (

        select * from news
        union all
        select score.*
        from score
        inner join customer_with_news on score.customer_id = customer_with_news.customer_id
        where score.arrived_at <= {{ read_before }}

    ),
{% else %}
    history as (

        select * from score

    ),
{% endif %}

-- Of several events of one instant the last by id speaks for the instant: a version cannot begin and end at once.
instant as (

    select
        *,
        lead(event_time) over customer_events as next_event_time,
        max(arrived_at) over (partition by customer_id) as customer_arrived_at,
        min(arrived_at) over (partition by customer_id) as first_arrived_at,
        first_value(score_id) over (partition by customer_id order by event_time desc, score_id desc) as latest_score_id
    from history
    window customer_events as (partition by customer_id order by event_time, score_id)

),

compared as (

    select
        *,
        lag(customer_id) over customer_instants is null as is_first,
        (demographics_key is distinct from lag(demographics_key) over customer_instants) as has_new_demographics,
        (location_key is distinct from lag(location_key) over customer_instants) as has_new_location,
        (services_key is distinct from lag(services_key) over customer_instants) as has_new_services,
        (contract_key is distinct from lag(contract_key) over customer_instants) as has_new_contract
    from instant
    where event_time is distinct from next_event_time
    window customer_instants as (partition by customer_id order by event_time)

),

version_start as (

    select
        *,
        row_number() over customer_versions as version_number,
        lead(event_time) over customer_versions as next_version_at
    from compared
    where has_new_demographics or has_new_location or has_new_services or has_new_contract
    window customer_versions as (partition by customer_id order by event_time)

),

final as (

    select
        {{ surrogate_key(['customer_id', "event_time at time zone 'UTC'"]) }} as customer_key,
        customer_id,
        version_number::integer as version_number,
        demographics_key,
        location_key,
        services_key,
        contract_key,
        case
            when is_first then 'first seen'
            else concat_ws(
                ', ',
                case when has_new_demographics then 'demographics' end,
                case when has_new_location then 'location' end,
                case when has_new_services then 'services' end,
                case when has_new_contract then 'contract' end
            )
        end as what_changed,
        event_time as valid_from,
        next_version_at as valid_to,
        next_version_at is null as is_current,
        latest_score_id,
        customer_arrived_at as arrived_at,
        first_arrived_at
    from version_start

)

select * from final
