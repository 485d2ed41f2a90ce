{#-
    What became of the run, for whoever watches: one row in churn.warehouse_run. The monitor's process turns it into
    metrics (churn_warehouse_*). Written also when tests fail; a run that cannot start leaves none, and the last row's age tells.
-#}
{% macro record_run(results) -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'test') -%}
        {%- set count = namespace(models=0, model_errors=0, tests=0, failed=0, skipped=0, seconds=0.0) -%}
        {%- set broken = [] -%}
        {%- for result in results -%}
            {%- set status = result.status | string -%}
            {%- if status == 'skipped' -%}
                {%- set count.skipped = count.skipped + 1 -%}
            {%- elif result.node.resource_type in ('test', 'unit_test') -%}
                {%- set count.tests = count.tests + 1 -%}
                {%- if status in ('fail', 'error', 'warn') -%}
                    {%- set count.failed = count.failed + 1 -%}
                    {%- do broken.append(result.node.name) -%}
                {%- endif -%}
            {%- else -%}
                {%- set count.models = count.models + 1 -%}
                {%- set count.seconds = count.seconds + result.execution_time -%}
                {%- if status == 'error' -%}
                    {%- set count.model_errors = count.model_errors + 1 -%}
                    {%- do broken.append(result.node.name) -%}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
        insert into {{ var('churn_schema') }}.warehouse_run (
            run_id, command, started_at, models, model_errors, tests, tests_failed, skipped, model_seconds, broken
        ) values (
            '{{ invocation_id }}', '{{ flags.WHICH }}', '{{ run_started_at }}', {{ count.models }}, {{ count.model_errors }},
            {{ count.tests }}, {{ count.failed }}, {{ count.skipped }}, {{ count.seconds }},
            array[{% for name in broken %}'{{ name }}'{% if not loop.last %}, {% endif %}{% endfor %}]::text[]
        )
    {%- endif -%}
{%- endmacro %}
