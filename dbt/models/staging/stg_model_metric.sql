with

source as (

    select * from {{ source('churn', 'model_metric') }}

),

renamed as (

    select
        -- ids
        model_version,

        -- strings
        dataset,
        metric,

        -- numerics
        value as metric_value,

        -- timestamps
        window_start,
        window_end,
        recorded_at
    from source

),

final as (

    select * from renamed

)

select * from final
