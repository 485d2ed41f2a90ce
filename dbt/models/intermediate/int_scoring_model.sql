{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='append_new_columns',
        indexes=[{'columns': ['model_key'], 'unique': true}],
        pre_hook="{{ take_arrivals(ref('int_scored_event')) }}",
        post_hook="{{ keep_arrivals() }}",
    )
}}

-- Which models have scored, remembered also when their scores are pruned from the source.

with

{{ new_members('model_key') }},

final as (

    select
        model_key,
        model_version,
        model_hash
    from described

)

select * from final
