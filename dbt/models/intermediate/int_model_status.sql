-- What each registered model is today. Promotions are audited; a model that was set up without one is champion while it scores last.

with

model as (

    select * from {{ ref('stg_model') }}

),

audit as (

    select * from {{ ref('stg_retrain_audit') }}

),

promotion as (

    select
        candidate_version as model_version,
        max(finished_at) as promoted_at
    from audit
    where status = 'promoted'
    group by candidate_version

),

rejection as (

    select distinct candidate_version as model_version
    from audit
    where status = 'rejected'

),

newest_promotion as (

    select model.model_key
    from promotion
    inner join model on promotion.model_version = model.model_version
    order by promotion.promoted_at desc, promotion.model_version desc
    limit 1

),

newest_score as (

    select model_key
    from {{ ref('int_scored_event') }}
    order by arrived_at desc
    limit 1

),

champion as (

    select
        coalesce(
            (select newest_promotion.model_key from newest_promotion),
            (select newest_score.model_key from newest_score)
        ) as model_key

),

final as (

    select
        model.model_key,
        model.model_version,
        promotion.promoted_at,
        case
            when model.model_key = champion.model_key then 'champion'
            when promotion.promoted_at is not null then 'former champion'
            when rejection.model_version is not null then 'rejected'
            else 'registered'
        end as status,
        model.decision
    from model
    cross join champion
    left join promotion on model.model_version = promotion.model_version
    left join rejection on model.model_version = rejection.model_version

)

select * from final
