{#-
    Increments go by arrival, not by event time, so that an event of last year that arrives today is found as surely as one of
    today. `stored_at` is when a sink's transaction began; it is seen only when that commits, perhaps after younger rows. Hence the
    look-back, and hence `arrived_at` and `changed_at`: what is found late is stamped just after everything that was found before,
    so that whoever comes behind needs no look-back and no list of what it has.
-#}

{#- The newest value of a column of this model; before everything where the model is empty. -#}
{% macro newest(column, relation=this) -%}
    (select coalesce(max({{ column }}), '-infinity'::timestamptz) from {{ relation }})
{%- endmacro %}

{#- The value, or the first moment after the newest of this model where it is not later than that. -#}
{% macro after_newest(value, column) -%}
    {%- if is_incremental() -%}
        greatest({{ value }}, {{ newest(column) }} + interval '1 microsecond')
    {%- else -%}
        {{ value }}
    {%- endif -%}
{%- endmacro %}

{% macro look_back() -%}
    interval '{{ var("look_back") }}'
{%- endmacro %}

{% macro settling() -%}
    interval '{{ var("settling") }}'
{%- endmacro %}

{#- Sorts and hashes of a build in memory; compiling to machine code costs more than it gives at these sizes. -#}
{% macro session_settings() -%}
    set local work_mem = '{{ env_var("CHURN_WAREHOUSE_WORK_MEM", "128MB") }}'; set local jit = off
{%- endmacro %}

{#- A new table has no statistics until autovacuum comes by, and the next model joins it at once. -#}
{% macro analyze_after_full_build() -%}
    {%- if model.config.materialized in ('table', 'incremental') and not is_incremental() -%}
        analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
