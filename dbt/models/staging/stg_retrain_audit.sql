with

source as (

    select * from {{ source('churn', 'retrain_audit') }}

),

renamed as (

    select
        -- ids
        request_id,
        candidate_version,
        champion_version,

        -- strings
        reason,
        status,

        -- documents
        evidence,
        decision,

        -- timestamps
        requested_at,
        started_at,
        finished_at
    from source

),

final as (

    select * from renamed

)

select * from final
