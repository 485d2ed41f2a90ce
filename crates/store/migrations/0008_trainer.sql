-- The queue of the trainer. A request is a row from the moment it is heard of, before Kafka is told that it was read, so that no
-- request is lost and each is answered: by a training, by another request's training (merged), or by a word why not (skipped).
--
-- lease_token is the holder's under which a row runs: a row whose token is not the current one was left by a trainer that is gone, and
-- its successor takes it up again. recorded_at is the server's clock, by which requests wait for each other; requested_at is the
-- clock of whoever asked.
alter table churn.retrain_audit
    add column requested_by text not null default 'unknown',
    add column recorded_at timestamptz not null default now(),
    add column detail text,
    add column training jsonb,
    add column merged_into uuid,
    add column attempts integer not null default 0,
    add column lease_token bigint,
    drop constraint status_is_known,
    add constraint status_is_known check (
        status in ('requested', 'running', 'promoted', 'rejected', 'failed', 'merged', 'skipped')
    );

-- Some rows at a time, however many have been answered.
create index retrain_audit_open on churn.retrain_audit (recorded_at) where status in ('requested', 'running');

comment on column churn.retrain_audit.requested_by is 'Who asked: monitor, schedule, alertmanager, or a person.';
comment on column churn.retrain_audit.reason is 'What asked for it: drift, performance, schedule, manual; rollback for a promotion that was taken back.';
comment on column churn.retrain_audit.detail is 'What became of it, in words.';
comment on column churn.retrain_audit.training is 'What was trained on: rows by origin, hash of the rows, rows held out, settings.';
comment on column churn.retrain_audit.merged_into is 'The request whose training answered this one.';
comment on column churn.retrain_audit.attempts is 'How often its training was begun: again after a trainer was lost.';
comment on column churn.retrain_audit.lease_token is 'Fencing token of the trainer that took it up.';
