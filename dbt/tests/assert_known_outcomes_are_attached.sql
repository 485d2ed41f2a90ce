select fact.score_id
from {{ ref('fct_churn') }} as fact
inner join {{ ref('stg_outcome') }} as outcome on fact.score_id = outcome.score_id
where
    fact.is_churned is distinct from outcome.is_churned
    and outcome.stored_at <= (select max(newest.changed_at) from {{ ref('fct_churn') }} as newest) - {{ settling() }}
