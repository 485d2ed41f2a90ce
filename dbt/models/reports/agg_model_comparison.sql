{{ config(materialized='table') }}

-- Live figures of each model that has scored. AUC by the ranks of thousandths: scores within one count as ties, half each (Mann and
-- Whitney), which moves it by less than the share of such pairs.

with

bin as (

    select
        model_key,
        probability_permille,
        sum(scores) as scores,
        sum(outcomes) as outcomes,
        sum(churned) as churned,
        sum(outcomes) - sum(churned) as stayed,
        sum(predicted) as predicted,
        sum(churned_as_predicted) as churned_as_predicted,
        sum(correct) as correct,
        sum(probability_sum) as probability_sum,
        sum(squared_error_sum) as squared_error_sum,
        sum(log_loss_sum) as log_loss_sum
    from {{ ref('int_score_histogram') }}
    group by model_key, probability_permille

),

ranked as (

    select
        *,
        sum(stayed) over (
            partition by model_key order by probability_permille rows unbounded preceding
        ) - stayed as stayed_below
    from bin

),

live as (

    select
        model_key,
        sum(scores) as scores,
        sum(outcomes) as outcomes,
        sum(churned) as churned,
        sum(stayed) as stayed,
        sum(predicted) as predicted,
        sum(churned_as_predicted) as churned_as_predicted,
        sum(correct) as correct,
        sum(probability_sum) as probability_sum,
        sum(squared_error_sum) as squared_error_sum,
        sum(log_loss_sum) as log_loss_sum,
        sum(churned * (stayed_below + stayed / 2)) as pairs_in_order
    from ranked
    group by model_key

),

final as (

    select
        live.model_key,
        member.model_version,
        member.learner,
        member.status,
        live.scores::bigint as scores,
        live.outcomes::bigint as outcomes,
        live.churned::bigint as churned,
        round(live.probability_sum / live.scores, 6) as mean_probability,
        round(live.churned / nullif(live.outcomes, 0), 6) as churn_rate,
        round(live.correct / nullif(live.outcomes, 0), 6) as live_accuracy,
        round(live.churned_as_predicted / nullif(live.predicted, 0), 6) as live_precision,
        round(live.churned_as_predicted / nullif(live.churned, 0), 6) as live_recall,
        round(live.pairs_in_order / nullif(live.churned * live.stayed, 0), 6) as live_auc,
        round(live.log_loss_sum / nullif(live.outcomes, 0), 6) as live_log_loss,
        round(live.squared_error_sum / nullif(live.outcomes, 0), 6) as live_brier,
        member.test_auc,
        member.test_log_loss,
        member.test_brier
    from live
    inner join {{ ref('dim_model') }} as member on live.model_key = member.model_key

)

select * from final
