select score_id
from {{ ref('stg_scored_event') }}
group by score_id
having count(*) > 1
