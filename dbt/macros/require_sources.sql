{#-
    Before anything is built: whether the source has every column that the project reads. Without this the first sign is an error
    of one view, which names neither the table nor the way out. Columns marked `optional` in sources.yml may be missing.
-#}
{% macro require_sources() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'test', 'snapshot') -%}
        {%- set schema = var('churn_schema') -%}
        {%- set found = source_columns(schema) -%}
        {%- set missing = [] -%}
        {%- for node in graph.sources.values() if node.source_name == 'churn' -%}
            {%- if node.identifier not in found -%}
                {%- do missing.append('table ' ~ schema ~ '.' ~ node.identifier) -%}
            {%- else -%}
                {%- for column in node.columns.values() -%}
                    {%- if column.name not in found[node.identifier] and not column.meta.get('optional') -%}
                        {%- do missing.append('column ' ~ column.name ~ ' of ' ~ schema ~ '.' ~ node.identifier) -%}
                    {%- endif -%}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if missing -%}
            {{ exceptions.raise_compiler_error(
                'database ' ~ target.dbname ~ ' lacks ' ~ missing | sort | join(', ')
                ~ ': its schema is missing or older than this project; run `churn setup` on it, then this again'
            ) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- Columns by table of a schema. -#}
{% macro source_columns(schema) -%}
    {%- set found = {} -%}
    {%- if execute -%}
        {%- set rows = run_query(
            "select relname, attname from pg_attribute join pg_class on pg_class.oid = attrelid"
            ~ " where relnamespace = to_regnamespace('" ~ schema ~ "') and attnum > 0 and not attisdropped"
        ) -%}
        {%- for row in rows -%}
            {%- do found.setdefault(row[0], []).append(row[1]) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}

{#- Whether the source has this optional column by now. -#}
{% macro has_source_column(table, column) -%}
    {{ return(column in source_columns(var('churn_schema')).get(table, [])) }}
{%- endmacro %}
