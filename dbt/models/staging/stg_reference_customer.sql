with

source as (

    select * from {{ source('churn', 'reference_customer') }}

),

renamed as (

    select
        -- ids
        row_number as reference_row,
        customer_id,

        -- demographics
        female as is_female,
        senior_citizen as is_senior_citizen,
        partner as has_partner,
        dependents as has_dependents,

        -- services
        phone_service as has_phone_service,
        multiple_lines,
        internet_service,
        online_security,
        online_backup,
        device_protection,
        tech_support,
        streaming_tv,
        streaming_movies,

        -- contract
        contract,
        paperless_billing as has_paperless_billing,
        payment_method,

        -- location
        zip_code,
        city,
        county,
        latitude,
        longitude,

        -- numerics
        tenure as tenure_months,
        monthly_charges,
        total_charges,

        -- booleans
        churned as is_churned
    from source

),

final as (

    select * from renamed

)

select * from final
