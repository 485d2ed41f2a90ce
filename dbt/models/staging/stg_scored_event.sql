with

source as (

    select * from {{ source('churn', 'scored_event') }}

),

renamed as (

    select
        -- ids
        score_id,
        stream,
        sequence,
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
        probability,
        threshold,

        -- booleans
        label as is_predicted_churn,

        -- explanation
        {% if has_source_column('scored_event', 'reasons') -%}
            to_jsonb(reasons) as reasons,
        {%- else -%}
            null::jsonb as reasons,
        {%- endif %}

        -- lineage
        model_version,
        model_hash,
        synthesizer_version,
        event_schema_id,
        source_partition,
        source_offset,

        -- timestamps
        event_time,
        scored_at,
        stored_at
    from source

),

final as (

    select
        *,
        {{ surrogate_key(demographics_columns()) }} as demographics_key,
        {{ surrogate_key(location_columns()) }} as location_key,
        {{ surrogate_key(services_columns()) }} as services_key,
        {{ surrogate_key(contract_columns()) }} as contract_key,
        {{ surrogate_key(model_columns()) }} as model_key
    from renamed

)

select * from final
