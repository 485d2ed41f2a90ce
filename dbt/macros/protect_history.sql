{#-
    `churn store prune` drops old rows of the source; the warehouse keeps what it has of them. A full refresh rebuilds from the
    source and would forget them, so it is refused as long as that is not asked for by name.
-#}
{% macro protect_history() -%}
    {%- if execute and flags.FULL_REFRESH and flags.WHICH in ('build', 'run') and not var('allow_history_loss') -%}
        {%- set kept = adapter.get_relation(target.database, generate_schema_name('intermediate'), 'int_scored_event') -%}
        {%- set stored = var('churn_schema') ~ '.scored_event' -%}
        {%- if kept is not none -%}
            {%- set lost = run_query(
                'select count(*) from ' ~ kept ~ ' as kept where not exists (select from '
                ~ stored ~ ' as stored where stored.score_id = kept.score_id)'
            )[0][0] -%}
            {%- if lost > 0 -%}
                {{ exceptions.raise_compiler_error(
                    'a full refresh would forget ' ~ lost ~ ' scores that are in the warehouse and no longer in ' ~ stored
                    ~ ', where `churn store prune` dropped them; build without --full-refresh, '
                    ~ "or add --vars 'allow_history_loss: true'"
                ) }}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
