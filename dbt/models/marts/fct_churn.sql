{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
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
            "create index if not exists fct_churn_latest on {{ this }} (expected_loss desc) where is_latest",
        ],
    )
}}

-- An increment takes up three kinds of rows: new scores, scores whose outcome became known, and older scores of customers with news,
-- where a late event moved the bounds of a version or another score became the latest.

with

-- Not materialized, as all that is read more than once here: each reader takes a few rows, by the index.
score as not materialized (

    select * from {{ ref('int_scored_event') }}

),

customer as (

    select * from {{ ref('dim_customer') }}

),

{% if is_incremental() %}
    new_score as (

        select
            score_id,
            customer_id
        from score
        where arrived_at > {{ read_arrivals() }}

    ),

    new_outcome as (

        select known.score_id
        from {{ this }} as known
        inner join {{ ref('stg_outcome') }} as arriving on known.score_id = arriving.score_id
        where
            not known.is_outcome_known
            and arriving.stored_at >= {{ unread_since() }}

    ),

    affected as (

        select score.score_id
        from score
        where score.customer_id in (select new_score.customer_id from new_score)
        union
        select new_outcome.score_id from new_outcome

    ),
{% endif %}

outcome as (

    select distinct on (known.score_id)
        known.score_id,
        known.is_churned,
        known.observed_at,
        known.stored_at
    from {{ ref('stg_outcome') }} as known
    {% if is_incremental() %}
        inner join affected on known.score_id = affected.score_id
    {% endif %}
    order by known.score_id, known.stored_at

),

joined as (

    select
        score.*,
        customer.customer_key,
        outcome.is_churned,
        outcome.observed_at as outcome_observed_at,
        outcome.stored_at as outcome_stored_at,
        score.score_id = customer.latest_score_id as is_latest
    from score
    inner join customer
        on
            score.customer_id = customer.customer_id
            and score.event_time >= customer.valid_from
            and (score.event_time < customer.valid_to or customer.valid_to is null)
    left join outcome on score.score_id = outcome.score_id
    {% if is_incremental() %}
        where score.score_id in (select affected.score_id from affected)
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
        left join {{ this }} as known on joined.score_id = known.score_id
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
