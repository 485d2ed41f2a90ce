{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        meta={'arrival': 'arrived_at'},
        unique_key='score_id',
        on_schema_change='append_new_columns',
        indexes=[
            {'columns': ['score_id'], 'unique': true},
            {'columns': ['changed_at']},
            {'columns': ['event_date_key']},
        ],
        pre_hook=["{{ take_mark() }}", "{{ take_arrivals(ref('int_scored_event')) }}"],
        post_hook=[
            "{{ keep_mark() }}",
            "{{ keep_arrivals() }}",
            "create index if not exists fct_churn_unknown_outcome on {{ this }} (score_id) where not is_outcome_known",
        ],
    )
}}

-- An increment takes up three kinds of rows: new scores, scores whose outcome became known, and older scores of customers with news,
-- where a late event moved the bounds of a version or another score became the latest.

{% if is_incremental() %}{% set read_before = read_arrivals() %}{% endif %}

with

-- Not materialized, as all that is read more than once here: each reader takes a few rows, by the index.
score as not materialized (

    select * from {{ ref('int_scored_event') }}

),

{% if is_incremental() %}
    news as (

        select * from score
        where arrived_at > {{ read_before }}

    ),

    dated_news as (

        {{ with_version('news') }}

    ),

    outcome_news as (

        select distinct on (score_id)
            score_id,
            is_churned,
            observed_at,
            stored_at
        from {{ ref('stg_outcome') }}
        where stored_at >= {{ unread_since() }}
        order by score_id, stored_at

    ),

    -- Most outcomes come soon after their scores: both are put together here, and the few others are looked for.
    arrived as (

        select
            dated_news.*,
            outcome_news.score_id as told_score_id,
            outcome_news.is_churned as told_is_churned,
            outcome_news.observed_at as told_observed_at,
            outcome_news.stored_at as told_stored_at
        from dated_news
        full outer join outcome_news on dated_news.score_id = outcome_news.score_id

    ),

    -- Most customers with news have nothing but news; only the others' scores are looked for.
    customer_known_before as (

        select distinct customer_id from arrived
        where
            score_id is not null
            and (first_arrived_at > {{ read_before }}) is not true

    ),

    new_outcome as (

        select known.score_id
        from {{ this }} as known
        inner join arrived on known.score_id = arrived.told_score_id
        where
            arrived.score_id is null
            and not known.is_outcome_known

    ),

    affected as (

        select score.*
        from score
        inner join customer_known_before on score.customer_id = customer_known_before.customer_id
        where score.arrived_at <= {{ read_before }}
        union all
        select score.*
        from score
        inner join new_outcome on score.score_id = new_outcome.score_id
        where
            score.arrived_at <= {{ read_before }}
            and score.customer_id not in (select customer_known_before.customer_id from customer_known_before)

    ),

    dated_affected as (

        {{ with_version('affected') }}

    ),

    dated as (

        select * from arrived
        where score_id is not null
        union all
        select
            dated_affected.*,
            null as told_score_id,
            null as told_is_churned,
            null as told_observed_at,
            null as told_stored_at
        from dated_affected

    ),
{% else %}
    dated as (

        {{ with_version('score') }}

    ),

    outcome as (

        select distinct on (score_id)
            score_id,
            is_churned,
            observed_at,
            stored_at
        from {{ ref('stg_outcome') }}
        order by score_id, stored_at

    ),
{% endif %}

joined as (

    select
        dated.*,
        outcome.is_churned,
        outcome.observed_at as outcome_observed_at,
        outcome.stored_at as outcome_stored_at,
        dated.score_id = dated.latest_score_id as is_latest
    from dated
    {% if is_incremental() %}
        -- One by one, by the source's key: an increment must not cost more with each year of outcomes.
        left join lateral (
            select
                dated.told_is_churned as is_churned,
                dated.told_observed_at as observed_at,
                dated.told_stored_at as stored_at
            where dated.told_score_id is not null
            union all
            (
                select
                    known.is_churned,
                    known.observed_at,
                    known.stored_at
                from {{ ref('stg_outcome') }} as known
                where
                    known.score_id = dated.score_id
                    and dated.told_score_id is null
                order by known.score_id
                limit 1
            )
        ) as outcome on true
    {% else %}
        left join outcome on dated.score_id = outcome.score_id
    {% endif %}

),

{% if is_incremental() %}
    changed as (

        select
            joined.*,
            -- Only what readers count has changed: a row that was given another version keeps its stamp.
            case
                when known.score_id is null or known.is_outcome_known <> (joined.is_churned is not null)
                    then {{ after_newest('greatest(joined.arrived_at, joined.outcome_stored_at)', 'changed_at') }}
                else known.changed_at
            end as changed_at
        from joined
        -- What has just arrived is not looked for.
        left join lateral (
            select
                present.score_id,
                present.customer_key,
                present.is_latest,
                present.is_outcome_known,
                present.changed_at
            from {{ this }} as present
            where
                present.score_id = joined.score_id
                and joined.arrived_at <= {{ read_before }}
            order by present.score_id
            limit 1
        ) as known on true
        where
            known.score_id is null
            or known.customer_key is distinct from joined.customer_key
            or known.is_latest is distinct from joined.is_latest
            or known.is_outcome_known <> (joined.is_churned is not null)

    ),
{% else %}
    changed as (

        select
            *,
            greatest(arrived_at, outcome_stored_at) as changed_at
        from joined

    ),
{% endif %}

final as (

    select
        -- keys
        score_id,
        customer_key,
        demographics_key,
        location_key,
        services_key,
        contract_key,
        model_key,
        {{ date_key('event_time') }} as event_date_key,
        {{ date_key('outcome_observed_at') }} as outcome_date_key,

        -- degenerate dimensions
        customer_id,
        stream,
        sequence,
        source_partition,
        source_offset,

        -- measures
        tenure_months,
        monthly_charges,
        total_charges,
        probability,
        threshold,
        round((probability * monthly_charges)::numeric, 4) as expected_loss,

        -- states
        is_predicted_churn,
        is_churned is not null as is_outcome_known,
        is_churned,
        is_predicted_churn = is_churned as is_correct,
        is_latest,

        -- explanation
        reasons,

        -- timestamps
        event_time,
        scored_at,
        stored_at,
        outcome_observed_at,
        outcome_stored_at,
        arrived_at,
        changed_at
    from changed

)

select * from final
