{{ config(materialized='view') }}

-- Whom to call first. The latest score of each customer who is not known to have left. An index on the expected loss would serve the
-- top of it in no time, and cost each increment as much as all other indexes of fct_churn together.

with

fact as (

    select * from {{ ref('fct_churn') }}

),

final as (

    select
        fact.customer_id,
        fact.score_id,
        fact.expected_loss,
        fact.probability,
        fact.monthly_charges,
        fact.tenure_months,
        fact.is_predicted_churn,
        fact.reasons,
        fact.reasons -> 0 ->> 'feature' as first_reason,
        fact.reasons -> 1 ->> 'feature' as second_reason,
        fact.reasons -> 2 ->> 'feature' as third_reason,
        contract.contract,
        contract.payment_method,
        services.internet_service,
        place.city,
        place.zip_code,
        scorer.model_version,
        fact.event_time as scored_event_at
    from fact
    inner join {{ ref('dim_contract') }} as contract on fact.contract_key = contract.contract_key
    inner join {{ ref('dim_services') }} as services on fact.services_key = services.services_key
    inner join {{ ref('dim_location') }} as place on fact.location_key = place.location_key
    inner join {{ ref('dim_model') }} as scorer on fact.model_key = scorer.model_key
    where
        fact.is_latest
        and fact.is_churned is not true
        and fact.expected_loss is not null

)

select * from final
