-- What became of each run of the warehouse's project (dbt/), written by its last hook. The program reads the newest rows and turns
-- them into metrics: dbt ends after each run and cannot be scraped. Old rows may be deleted at will.
create table churn.warehouse_run (
    run_id uuid primary key,
    command text not null,
    started_at timestamptz not null,
    finished_at timestamptz not null default clock_timestamp(),
    models integer not null,
    model_errors integer not null,
    tests integer not null,
    tests_failed integer not null,
    skipped integer not null,
    model_seconds double precision not null,
    broken text[] not null
);

comment on table churn.warehouse_run is 'Runs of the warehouse''s project. One row per run.';
comment on column churn.warehouse_run.command is 'build, run or test.';
comment on column churn.warehouse_run.tests_failed is 'Tests that failed, could not run or warned.';
comment on column churn.warehouse_run.skipped is 'Models and tests that were not run because something before them failed.';
comment on column churn.warehouse_run.broken is 'Names of the models and tests that failed.';

-- The warehouse reads what arrived since it last came by. A block-range index keeps two times for each 128 pages and is not touched
-- by a row that lies between them, so unlike a tree it costs the sink's COPY next to nothing; rows arrive in the order of this column.
create index scored_event_stored_at on churn.scored_event using brin (stored_at) with (autosummarize = on);
create index outcome_stored_at on churn.outcome using brin (stored_at) with (autosummarize = on);
