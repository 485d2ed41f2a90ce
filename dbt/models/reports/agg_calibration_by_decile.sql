{{ config(materialized='table') }}

-- Ten groups of equally many known outcomes, from the lowest probability to the highest. A thousandth of probability is not split,
-- so the groups are equal but for the scores of one thousandth.

with

bin as (

    select
        model_key,
        probability_permille,
        sum(outcomes) as outcomes,
        sum(churned) as churned,
        sum(outcome_probability_sum) as probability_sum
    from {{ ref('int_score_histogram') }}
    group by model_key, probability_permille
    having sum(outcomes) > 0

),

placed as (

    select
        *,
        sum(outcomes) over (partition by model_key) as all_outcomes,
        sum(outcomes) over (
            partition by model_key order by probability_permille rows unbounded preceding
        ) - outcomes / 2 as middle
    from bin

),

grouped as (

    select
        model_key,
        least(floor(10 * middle / all_outcomes), 9)::integer + 1 as decile,
        round(min(probability_permille)::numeric / 1000, 3) as probability_from,
        round((max(probability_permille)::numeric + 1) / 1000, 3) as probability_to,
        sum(outcomes)::bigint as outcomes,
        sum(churned)::bigint as churned,
        round(sum(probability_sum) / sum(outcomes), 6) as mean_probability,
        round(sum(churned) / sum(outcomes), 6) as churn_rate,
        round(sum(probability_sum) / sum(outcomes) - sum(churned) / sum(outcomes), 6) as calibration_gap
    from placed
    group by model_key, least(floor(10 * middle / all_outcomes), 9)::integer + 1

),

final as (

    select
        grouped.model_key,
        member.model_version,
        grouped.decile,
        grouped.probability_from,
        grouped.probability_to,
        grouped.outcomes,
        grouped.churned,
        grouped.mean_probability,
        grouped.churn_rate,
        grouped.calibration_gap
    from grouped
    inner join {{ ref('dim_model') }} as member on grouped.model_key = member.model_key

)

select * from final
