{#- A surrogate key: the same values give the same key in every run, and null differs from an empty text. -#}
{% macro surrogate_key(columns) -%}
    md5(row({{ columns | join(', ') }})::text)::uuid
{%- endmacro %}

{% macro demographics_columns() -%}
    {{ return(['is_female', 'is_senior_citizen', 'has_partner', 'has_dependents']) }}
{%- endmacro %}

{% macro location_columns() -%}
    {{ return(['zip_code', 'city', 'county', 'latitude', 'longitude']) }}
{%- endmacro %}

{% macro services_columns() -%}
    {{ return([
        'has_phone_service', 'multiple_lines', 'internet_service', 'online_security', 'online_backup', 'device_protection',
        'tech_support', 'streaming_tv', 'streaming_movies',
    ]) }}
{%- endmacro %}

{% macro contract_columns() -%}
    {{ return(['contract', 'has_paperless_billing', 'payment_method']) }}
{%- endmacro %}

{% macro model_columns() -%}
    {{ return(['model_version', 'model_hash']) }}
{%- endmacro %}

{#-
    Members of a dimension that this model does not have yet, as `described`: one event of each, which tells what the member is. Only
    what arrived since the model last read is looked at. `not in` is asked of a hash table, however wrongly the planner guesses.
-#}
{% macro new_members(key) -%}
    new_score as (

        select
            {{ key }},
            score_id
        from {{ ref('int_scored_event') }}
        {% if is_incremental() %}
            where
                arrived_at > {{ read_arrivals() }}
                and {{ key }} not in (select known.{{ key }} from {{ this }} as known)
        {% endif %}

    ),

    new_member as (

        select
            {{ key }},
            max(score_id::text)::uuid as score_id
        from new_score
        group by {{ key }}

    ),

    described as (

        select event.*
        from new_member
        cross join lateral (
            select known.* from {{ ref('stg_scored_event') }} as known
            where known.score_id = new_member.score_id and known.{{ key }} = new_member.{{ key }}
            order by known.score_id
            limit 1
        ) as event

    )
{%- endmacro %}

{#- A day as a whole number, such as 20261125, in UTC; dim_date has one row a number. -#}
{% macro date_key(column) -%}
    to_char({{ column }} at time zone 'UTC', 'YYYYMMDD')::integer
{%- endmacro %}
