{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        unique_key='event_date_key',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['event_date_key']}],
        pre_hook="{{ take_arrivals(ref('fct_churn'), 'changed_at') }}",
        post_hook="{{ keep_arrivals() }}",
    )
}}

-- Scores counted by thousandths of probability: what AUC, calibration and deciles need, and additive over days. Days on which
-- something changed are counted anew.

with

fact as (

    select * from {{ ref('fct_churn') }}
    {% if is_incremental() %}
        where event_date_key in (
            select distinct changed.event_date_key from {{ ref('fct_churn') }} as changed
            where changed.changed_at > {{ read_arrivals() }}
        )
    {% endif %}

),

final as (

    select
        event_date_key,
        model_key,
        {{ permille('probability') }} as probability_permille,
        count(*)::bigint as scores,
        count(*) filter (where is_outcome_known)::bigint as outcomes,
        count(*) filter (where is_churned)::bigint as churned,
        count(*) filter (where is_outcome_known and is_predicted_churn)::bigint as predicted,
        count(*) filter (where is_churned and is_predicted_churn)::bigint as churned_as_predicted,
        count(*) filter (where is_correct)::bigint as correct,
        round(sum(probability::numeric), 6) as probability_sum,
        round(coalesce(sum(probability::numeric) filter (where is_outcome_known), 0), 6) as outcome_probability_sum,
        round(
            coalesce(sum(power(probability - is_churned::integer, 2)::numeric) filter (where is_outcome_known), 0), 6
        ) as squared_error_sum,
        round(
            coalesce(sum(({{ log_loss('probability', 'is_churned') }})::numeric) filter (where is_outcome_known), 0), 6
        ) as log_loss_sum,
        min(outcome_date_key) as first_outcome_date_key,
        max(outcome_date_key) as last_outcome_date_key,
        max(changed_at) as changed_at
    from fact
    group by event_date_key, model_key, {{ permille('probability') }}

)

select * from final
