with

source as (

    select * from {{ source('churn', 'model') }}

),

renamed as (

    select
        -- ids
        version as model_version,
        manifest_hash as model_hash,

        -- strings
        kind as learner,

        -- documents
        metrics,
        decision,

        -- timestamps
        created_at
    from source

),

final as (

    select
        *,
        {{ surrogate_key(model_columns()) }} as model_key
    from renamed

)

select * from final
