{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['contract_key'], 'unique': true}],
    )
}}

-- One score stands for each new combination; its event tells what the combination is.

with

new_score as (

    select
        score.contract_key,
        score.score_id
    from {{ ref('int_scored_event') }} as score
    {% if is_incremental() %}
        where not exists (
            select from {{ this }} as known
            where known.contract_key = score.contract_key
        )
    {% endif %}

),

new_member as (

    select
        contract_key,
        max(score_id::text)::uuid as score_id
    from new_score
    group by contract_key

),

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
