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

-- Days on which something changed are counted anew.

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

-- Counted by keys and numbers first: words are joined to some thousand groups, not to each score.
grouped as (

    select
        event_date_key,
        model_key,
        contract_key,
        services_key,
        {{ tenure_band('tenure_months') }} as tenure_band,
        {{ money_band('monthly_charges', 10) }} as monthly_charges_from,
        {{ money_band('total_charges', 1000) }} as total_charges_from,
        count(*) as scores,
        count(*) filter (where is_predicted_churn) as predicted,
        count(*) filter (where is_outcome_known) as outcomes,
        count(*) filter (where is_churned) as churned,
        sum(probability::numeric) as probability_sum,
        sum(expected_loss) as expected_loss_sum,
        sum(monthly_charges) as monthly_charges_sum,
        sum(tenure_months) as tenure_months_sum,
        max(changed_at) as changed_at
    from fact
    group by event_date_key, model_key, contract_key, services_key, tenure_band, monthly_charges_from, total_charges_from

),

final as (

    select
        grouped.event_date_key,
        to_date(grouped.event_date_key::text, 'YYYYMMDD') as event_date,
        grouped.model_key,
        contract.contract,
        contract.has_paperless_billing,
        contract.payment_method,
        services.internet_service,
        grouped.tenure_band,
        grouped.monthly_charges_from,
        grouped.total_charges_from,
        sum(grouped.scores)::bigint as scores,
        sum(grouped.predicted)::bigint as predicted,
        sum(grouped.outcomes)::bigint as outcomes,
        sum(grouped.churned)::bigint as churned,
        round(sum(grouped.probability_sum), 6) as probability_sum,
        sum(grouped.expected_loss_sum) as expected_loss_sum,
        sum(grouped.monthly_charges_sum) as monthly_charges_sum,
        sum(grouped.tenure_months_sum)::bigint as tenure_months_sum,
        max(grouped.changed_at) as changed_at
    from grouped
    inner join {{ ref('dim_contract') }} as contract on grouped.contract_key = contract.contract_key
    inner join {{ ref('dim_services') }} as services on grouped.services_key = services.services_key
    group by
        grouped.event_date_key, grouped.model_key, contract.contract, contract.has_paperless_billing, contract.payment_method,
        services.internet_service, grouped.tenure_band, grouped.monthly_charges_from, grouped.total_charges_from

)

select * from final
