{{
    config(
        materialized='table',
        indexes=[{'columns': ['model_key'], 'unique': true}],
    )
}}

with

seen as (

    select * from {{ ref('int_scoring_model') }}

),

registered as (

    select * from {{ ref('stg_model') }}

),

status as (

    select * from {{ ref('int_model_status') }}

),

-- The fit's metrics; live ones are in agg_model_comparison.
metric as (

    select
        model_version,
        max(metric_value) filter (where dataset = 'test' and metric = 'auc') as test_auc,
        max(metric_value) filter (where dataset = 'test' and metric = 'log_loss') as test_log_loss,
        max(metric_value) filter (where dataset = 'test' and metric = 'brier') as test_brier
    from {{ ref('stg_model_metric') }}
    group by model_version

),

final as (

    select
        model_key,
        coalesce(seen.model_version, registered.model_version) as model_version,
        coalesce(seen.model_hash, registered.model_hash) as model_hash,
        registered.learner,
        coalesce(status.status, 'unregistered') as status,
        registered.model_key is not null as is_registered,
        seen.model_key is not null as has_scored,
        metric.test_auc,
        metric.test_log_loss,
        metric.test_brier,
        registered.created_at,
        status.promoted_at
    from seen
    full outer join registered using (model_key)
    left join status using (model_key)
    left join metric on coalesce(seen.model_version, registered.model_version) = metric.model_version

)

select * from final
