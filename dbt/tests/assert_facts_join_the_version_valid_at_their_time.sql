select fact.score_id
from {{ ref('fct_churn') }} as fact
inner join {{ ref('dim_customer') }} as customer on fact.customer_key = customer.customer_key
where
    fact.customer_id <> customer.customer_id
    or fact.event_time < customer.valid_from
    or fact.event_time >= customer.valid_to
