-- How often a new champion was held against its predecessor. Each comparison is made at a p-value divided by the number of all that may
-- be made, so a trainer that is started again must not begin to count anew. A row is written before its comparison begins: one that a
-- trainer died in counts as made. The verdict comes after it and before the pointer moves, so that a successor acts upon it.
create table churn.probation_look (
    manifest_hash text not null,
    promoted_at timestamptz not null,
    look integer not null,
    labelled_events bigint not null,
    begun_at timestamptz not null default now(),
    verdict jsonb,
    primary key (manifest_hash, promoted_at, look),
    constraint look_is_positive check (look > 0)
);

comment on table churn.probation_look is 'Comparisons of a champion on probation with its predecessor. One row per comparison.';
comment on column churn.probation_look.manifest_hash is 'SHA-256 of the champion''s manifest.';
comment on column churn.probation_look.promoted_at is 'When it became the champion: a version may do so more than once.';
comment on column churn.probation_look.look is 'Number of the comparison, from 1.';
comment on column churn.probation_look.labelled_events is 'Labelled events since the promotion that it was made on.';
comment on column churn.probation_look.verdict is 'What it said of the predecessor as challenger; null when the trainer was lost in it.';
