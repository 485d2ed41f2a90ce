-- The fact has the scores that the warehouse remembers, no more and no fewer.
select
    fact.score_id as fact_score_id,
    score.score_id
from {{ ref('fct_churn') }} as fact
full outer join {{ ref('int_scored_event') }} as score on fact.score_id = score.score_id
where fact.score_id is null or score.score_id is null
