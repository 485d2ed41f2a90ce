-- Every settled score of the source is in the fact.
select score.score_id
from {{ ref('stg_scored_event') }} as score
where
    score.stored_at <= (select max(fact.arrived_at) from {{ ref('fct_churn') }} as fact) - {{ settling() }}
    and not exists (
        select from {{ ref('fct_churn') }} as fact
        where fact.score_id = score.score_id
    )
