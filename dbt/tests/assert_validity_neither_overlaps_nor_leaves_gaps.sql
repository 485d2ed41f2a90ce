select customer_key
from (
    select
        customer_key,
        valid_to,
        is_current,
        lead(valid_from) over (partition by customer_id order by valid_from, customer_key) as next_from
    from {{ ref('dim_customer') }}
) as ordered
where valid_to is distinct from next_from or is_current is distinct from (next_from is null)
