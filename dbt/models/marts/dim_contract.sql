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
        new_member.contract_key,
        described.contract,
        described.has_paperless_billing,
        described.payment_method,
        case described.contract
            when 'Month-to-month' then 1
            when 'One year' then 12
            when 'Two year' then 24
        end as commitment_months
    from new_member
    cross join lateral (
        select known.* from {{ ref('stg_scored_event') }} as known
        where known.score_id = new_member.score_id and known.contract_key = new_member.contract_key
        order by known.score_id
        limit 1
    ) as described

)

select * from final
