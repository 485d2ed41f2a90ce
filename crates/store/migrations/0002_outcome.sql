-- Whether the customer left in the end, known some time after the event.
--
-- score_id is derived from the event alone, so an outcome finds its score without a search. No foreign key: an outcome may come
-- before its score, and a check per row would cost a look-up in another table. Partitioned like scored_event, for the same reasons,
-- so that a join of the two over a window reads the same days of both.
create table churn.outcome (
    score_id uuid not null,
    stream text not null,
    sequence bigint not null,
    customer_id text not null,
    event_time timestamptz not null,
    churned boolean not null,
    observed_at timestamptz not null,
    stored_at timestamptz not null default now(),
    constraint outcome_pkey primary key (score_id)
) partition by range (score_id);

create table churn.outcome_default partition of churn.outcome default;

comment on table churn.outcome is 'True outcomes of events. One row per event whose outcome is known.';
comment on column churn.outcome.score_id is 'Id of the score of the same event; that score may not be stored yet.';
comment on column churn.outcome.churned is 'Whether the customer left.';
comment on column churn.outcome.observed_at is 'When the outcome became known.';
comment on column churn.outcome.stored_at is 'Start of the transaction that stored the row.';
