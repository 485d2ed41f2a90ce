-- Versions of the model as the trainer registered them. The artifact itself is in the registry; this is what SQL readers (dbt,
-- dashboards) need of it. Metrics and decision are jsonb: their fields grow with the learners and gates, and nothing joins on them;
-- single numbers to plot are rows of model_metric.
create table churn.model (
    version text primary key,
    manifest_hash text not null unique,
    kind text not null,
    created_at timestamptz not null,
    metrics jsonb not null,
    decision jsonb
);

comment on table churn.model is 'Models. One row per version.';
comment on column churn.model.manifest_hash is 'SHA-256 of the artifact''s manifest, hexadecimal; scored_event.model_hash refers to it.';
comment on column churn.model.kind is 'Learner that made it.';
comment on column churn.model.metrics is 'Metrics of the fit, on training and test rows.';
comment on column churn.model.decision is 'What the promotion gate decided and why; null before it has.';

-- A metric's value over a window of events: training and test once a model, live again and again. No foreign key to model: the
-- monitor meets a model in the stream before anybody may have registered it here.
create table churn.model_metric (
    model_version text not null,
    dataset text not null,
    metric text not null,
    window_start timestamptz not null,
    window_end timestamptz not null,
    value double precision not null,
    recorded_at timestamptz not null default now(),
    primary key (model_version, dataset, metric, window_start, window_end),
    constraint dataset_is_known check (dataset in ('training', 'test', 'live')),
    constraint window_is_forward check (window_end >= window_start)
);

comment on table churn.model_metric is 'Metrics of models. One row per model, dataset, metric and window.';
comment on column churn.model_metric.window_start is 'Event time from which rows counted; for training and test the time of the fit.';
comment on column churn.model_metric.window_end is 'Event time before which rows counted.';

-- Why the champion changed, or did not: one row per request, written when it is taken up and completed when it is decided. The
-- request's own id is the key, so a request delivered twice is one row.
create table churn.retrain_audit (
    request_id uuid primary key,
    requested_at timestamptz not null,
    reason text not null,
    evidence jsonb not null,
    status text not null,
    candidate_version text,
    champion_version text,
    decision jsonb,
    started_at timestamptz,
    finished_at timestamptz,
    constraint status_is_known check (status in ('running', 'promoted', 'rejected', 'failed'))
);

comment on table churn.retrain_audit is 'Retrainings. One row per request.';
comment on column churn.retrain_audit.reason is 'What asked for it: drift, performance, schedule, operator.';
comment on column churn.retrain_audit.evidence is 'The figures behind the request.';
comment on column churn.retrain_audit.champion_version is 'Champion that the candidate was compared with.';
