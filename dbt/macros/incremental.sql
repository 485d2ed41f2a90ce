{#-
    Increments go by arrival, not by event time, so that an event of last year that arrives today is found as surely as one of
    today. `stored_at` is when a sink's transaction began; it is seen only when that commits, perhaps after younger rows. Hence the
    mark of each reader of the source: the start of the oldest transaction that was open when it read, before which nothing can
    still appear. And hence `arrived_at` and `changed_at`: what is found late is stamped just after everything that was found
    before, so that whoever comes behind needs no mark and no list of what it has.
-#}

{#-
    The newest value of a column of this model; before everything where the model is empty. Asked beforehand and written as a
    constant: from a constant the planner can tell that few rows are newer, and goes by the index.
-#}
{% macro newest(column, relation=this) -%}
    {{ constant("select max(" ~ column ~ ") from " ~ relation) }}
{%- endmacro %}

{%- macro constant(query) -%}
    {%- if execute -%}
        '{{ run_query("select coalesce((" ~ query ~ "), '-infinity'::timestamptz)::text")[0][0] }}'::timestamptz
    {%- else -%}
        '-infinity'::timestamptz
    {%- endif -%}
{%- endmacro %}

{#- The value, or the first moment after the newest of this model where it is not later than that. -#}
{% macro after_newest(value, column) -%}
    {%- if is_incremental() -%}
        greatest({{ value }}, {{ newest(column) }} + interval '1 microsecond')
    {%- else -%}
        {{ value }}
    {%- endif -%}
{%- endmacro %}

{% macro mark_table() -%}
    {{ generate_schema_name('intermediate') }}.ingestion_mark
{%- endmacro %}

{% macro make_mark_table() -%}
    create table if not exists {{ mark_table() }} (model text primary key, complete_before timestamptz not null)
{%- endmacro %}

{#-
    Remembers, before a model reads the source, from when on the next run has to look; keep_mark stores it in the same transaction
    as the rows. A role that may not see other sessions' transactions takes the longest possible one instead.
-#}
{% macro take_mark() -%}
    select set_config('churnstream.complete_before', (
        select
            least(
                case
                    when pg_has_role('pg_read_all_stats', 'usage')
                        then (
                            select coalesce(min(xact_start), clock_timestamp()) from pg_stat_activity
                            where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
                        )
                    else clock_timestamp() - {{ longest_transaction() }}
                end,
                (select min(prepared) - {{ longest_transaction() }} from pg_prepared_xacts where database = current_database()),
                clock_timestamp()
            )::text
    ), true)
{%- endmacro %}

{% macro keep_mark() -%}
    {{ store_mark(this.identifier, 'churnstream.complete_before') }}
{%- endmacro %}

{% macro store_mark(name, setting) -%}
    insert into {{ mark_table() }} (model, complete_before)
    values ('{{ name }}', current_setting('{{ setting }}')::timestamptz)
    on conflict (model) do update set complete_before = excluded.complete_before
{%- endmacro %}

{#- From when on this model has to look at the source's arrivals; from the beginning where it has no mark yet. -#}
{% macro unread_since() -%}
    {{ constant(
        "select max(complete_before) - interval '" ~ var("look_back") ~ "' from " ~ mark_table()
        ~ " where model = '" ~ this.identifier ~ "'"
    ) }}
{%- endmacro %}

{#-
    The same for readers of a model that stamps its rows with times that only rise: the mark is the newest stamp that was read.
-#}
{% macro take_arrivals(relation, stamp='arrived_at') -%}
    select set_config('churnstream.arrived_before', coalesce(max({{ stamp }}), '-infinity')::text, true) from {{ relation }}
{%- endmacro %}

{% macro keep_arrivals() -%}
    {{ store_mark(arrivals_mark(), 'churnstream.arrived_before') }}
{%- endmacro %}

{%- macro arrivals_mark() -%}
    {{ this.identifier }}: arrivals
{%- endmacro %}

{% macro read_arrivals() -%}
    {{ constant("select max(complete_before) from " ~ mark_table() ~ " where model = '" ~ arrivals_mark() ~ "'") }}
{%- endmacro %}

{% macro longest_transaction() -%}
    interval '{{ var("longest_transaction") }}'
{%- endmacro %}

{% macro settling() -%}
    interval '{{ var("settling") }}'
{%- endmacro %}

{#-
    Sorts, hashes and what an increment sets aside in memory; compiling to machine code costs more than it gives at these sizes, and so
    does a memory of what was looked up by a key, where no key comes twice. One thread of dbt takes one core: a build runs beside the
    stream, on the server that the sink writes to, and `CHURN_WAREHOUSE_THREADS` alone says how much of it a build may take.
-#}
{% macro session_settings() -%}
    set local work_mem = '{{ env_var("CHURN_WAREHOUSE_WORK_MEM", "128MB") }}'; set local jit = off; set local enable_memoize = off;
    set local max_parallel_workers_per_gather = 0
{%- endmacro %}

{#-
    A new table has no statistics until autovacuum comes by, and the next model joins it at once. Until then, too, each reader finds
    out anew which rows are committed, and the vacuum that a million new rows call for would run into the next increment. Outside of the
    model's transaction, as vacuum wants it.
-#}
{% macro vacuum_after_full_build() -%}
    {%- if model.config.materialized in ('table', 'incremental') and not is_incremental() -%}
        vacuum (analyze) {{ this }}
    {%- endif -%}
{%- endmacro %}

{#- The scores of a CTE with the version of the customer that was valid at the event's time. -#}
{% macro with_version(scores) -%}
    select
        {{ scores }}.*,
        customer.customer_key,
        customer.latest_score_id,
        customer.first_arrived_at
    from {{ scores }}
    inner join {{ ref('dim_customer') }} as customer
        on
            {{ scores }}.customer_id = customer.customer_id
            and {{ scores }}.event_time >= customer.valid_from
            and ({{ scores }}.event_time < customer.valid_to or customer.valid_to is null)
{%- endmacro %}

{#-
    The strategy `replace`: delete+insert in one statement, so that what arrives is worked out once and never stored in between. Where the
    model has a column that tells when the warehouse first saw what a row is about (`meta.arrival`), rows later than the model's last
    reading have nothing to delete, and it is not looked for. The insert asks for the number of the deleted, and so waits for them.
-#}
{% macro get_incremental_replace_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict.dest_columns | map(attribute="name")) -%}
    {%- set key = arg_dict.unique_key -%}
    {%- set arrival = config.get('meta', {}).get('arrival') -%}
    with

    arriving as materialized (

        select {{ columns }} from {{ arg_dict.temp_relation }}

    ),

    deleted as (

        delete from {{ arg_dict.target_relation }} as dest
        where dest.{{ key }} = any(array(
            select distinct arriving.{{ key }} from arriving
            {%- if arrival %}
            where (arriving.{{ arrival }} > {{ read_arrivals() }}) is not true
            {%- endif %}
        ))
        returning dest.{{ key }}

    )

    insert into {{ arg_dict.target_relation }} ({{ columns }})
    select {{ columns }} from arriving
    where (select count(*) from deleted) >= 0
{%- endmacro %}
