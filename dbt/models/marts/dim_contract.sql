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

event as (

    select * from {{ ref('stg_scored_event') }}

),

final as (

    select distinct
        new_member.contract_key,
        event.contract,
        event.has_paperless_billing,
        event.payment_method,
        case event.contract
            when 'Month-to-month' then 1
            when 'One year' then 12
            when 'Two year' then 24
        end as commitment_months
    from new_member
    inner join event on new_member.score_id = event.score_id and new_member.contract_key = event.contract_key

)

select * from final
