{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        indexes=[
            {'columns': ['score_id'], 'unique': true},
            {'columns': ['customer_id', 'arrived_at']},
            {'columns': ['arrived_at']},
        ],
        pre_hook="{{ take_mark() }}",
        post_hook="{{ keep_mark() }}",
    )
}}

-- What the warehouse remembers of each score, also when the source's partition is gone: who, when, which members of the dimensions,
-- and the measures.

with

arrived as (

    select arriving.* from {{ ref('stg_scored_event') }} as arriving
    {% if is_incremental() %}
        -- One by one, by the key: what is known grows with the years, what arrives does not. What was stored after all that is known
        -- was found is not looked for.
        left join lateral (
            select present.score_id from {{ this }} as present
            where
                present.score_id = arriving.score_id
                and arriving.stored_at <= {{ newest('arrived_at') }}
            order by present.score_id
            limit 1
        ) as known on true
        where
            arriving.stored_at >= {{ unread_since() }}
            and known.score_id is null
    {% endif %}

),

-- The source's key rules doubles out. Should it ever lose the key, the first score stands here as it does in the sink.
doubled as (

    select score_id
    from arrived
    group by score_id
    having count(*) > 1

),

first_of_doubled as (

    select distinct on (score_id) *
    from arrived
    where score_id in (select doubled.score_id from doubled)
    order by score_id, stored_at, source_partition, source_offset

),

unioned as (

    select * from arrived
    where
        not exists (
            select from doubled
            where doubled.score_id = arrived.score_id
        )
    union all
    select * from first_of_doubled

),

final as (

    select
        score_id,
        stream,
        sequence,
        customer_id,
        demographics_key,
        location_key,
        services_key,
        contract_key,
        model_key,
        tenure_months,
        monthly_charges,
        total_charges,
        probability,
        threshold,
        is_predicted_churn,
        reasons,
        source_partition,
        source_offset,
        event_time,
        scored_at,
        stored_at,
        {{ after_newest('stored_at', 'arrived_at') }} as arrived_at
    from unioned

)

select * from final
