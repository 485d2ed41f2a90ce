with

source as (

    select * from {{ source('churn', 'outcome') }}

),

renamed as (

    select
        -- ids
        score_id,
        stream,
        sequence,
        customer_id,

        -- booleans
        churned as is_churned,

        -- timestamps
        event_time,
        observed_at,
        stored_at
    from source

),

final as (

    select * from renamed

)

select * from final
