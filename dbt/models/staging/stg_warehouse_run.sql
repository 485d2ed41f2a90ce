with

source as (

    select * from {{ source('churn', 'warehouse_run') }}

),

renamed as (

    select
        -- ids
        run_id,

        -- strings
        command,
        broken as broken_nodes,

        -- numerics
        models,
        model_errors,
        tests,
        tests_failed,
        skipped,
        model_seconds,

        -- timestamps
        started_at,
        finished_at
    from source

),

final as (

    select * from renamed

)

select * from final
