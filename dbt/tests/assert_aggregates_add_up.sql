-- Segments and histogram count each score and each outcome of the fact once.
with

fact as (

    select
        count(*) as scores,
        count(*) filter (where is_outcome_known) as outcomes,
        count(*) filter (where is_churned) as churned
    from {{ ref('fct_churn') }}

),

counted as (

    select
        coalesce(sum(scores), 0) as scores,
        coalesce(sum(outcomes), 0) as outcomes,
        coalesce(sum(churned), 0) as churned
    from {{ ref('agg_churn_by_day_segment') }}
    union all
    select
        coalesce(sum(scores), 0) as scores,
        coalesce(sum(outcomes), 0) as outcomes,
        coalesce(sum(churned), 0) as churned
    from {{ ref('int_score_histogram') }}

)

select counted.*
from counted
cross join fact
where (counted.scores, counted.outcomes, counted.churned) is distinct from (fact.scores, fact.outcomes, fact.churned)
