{#-
    The read-only role of analysts: may see the marts, not the source, staging or bookkeeping. Made here where it is missing and the
    builder may make roles; log-ins become its members. dbt's own `grants` then apply to each table in the transaction that makes it.
-#}
{% macro open_schema_to_analysts() -%}
    {%- if execute and flags.WHICH in ('build', 'run') -%}
        {%- set role = env_var('CHURN_ANALYST_ROLE', 'churn_analyst') -%}
        {%- set known = run_query("select 1 from pg_roles where rolname = '" ~ role ~ "'") -%}
        {%- set may_create = run_query("select rolcreaterole or rolsuper from pg_roles where rolname = current_user")[0][0] -%}
        {%- if known | length == 0 and not may_create -%}
            {{ exceptions.raise_compiler_error(
                'there is no role ' ~ role ~ ' for analysts, and ' ~ target.user ~ ' may not make it; run as an administrator: '
                ~ 'create role ' ~ role ~ ' nologin (or name another in CHURN_ANALYST_ROLE)'
            ) }}
        {%- endif -%}
        {%- if known | length == 0 -%}
            create role "{{ role }}" nologin;
        {%- endif -%}
        grant usage on schema {{ target.schema }} to "{{ role }}";
    {%- endif -%}
{%- endmacro %}
