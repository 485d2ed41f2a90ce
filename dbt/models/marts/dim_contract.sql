{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['contract_key'], 'unique': true}],
        pre_hook="{{ take_arrivals(ref('int_scored_event')) }}",
        post_hook="{{ keep_arrivals() }}",
    )
}}

with

{{ new_members('contract_key') }},

final as (

    select
        contract_key,
        contract,
        has_paperless_billing,
        payment_method,
        case contract
            when 'Month-to-month' then 1
            when 'One year' then 12
            when 'Two year' then 24
        end as commitment_months
    from described

)

select * from final
