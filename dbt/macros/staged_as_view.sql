{#-
    What an increment brings is read once: a temporary view passes it to the insert, and nothing is written twice. Everything else is made
    as the adapter makes it.
-#}
{% macro postgres__get_create_table_as_sql(temporary, relation, sql) -%}
    {%- if temporary and config.get('incremental_strategy') in ('append', 'replace') -%}
        create temporary view {{ relation }}
        {{ get_assert_columns_equivalent(sql) }}
        as {{ sql }}
    {%- else -%}
        {{ create_table_as(temporary, relation, sql) }}
    {%- endif -%}
{%- endmacro %}
