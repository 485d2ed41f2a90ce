-- How far a consumer has stored each partition, and who may go on. It is written as the last statement of each batch's transaction,
-- so rows and position are stored together or not at all; the broker's committed offsets are a mirror and never read back.
--
-- epoch is the fence: each claim raises it, and an owner writes under the epoch of its claim only. backend_pid and backend_start name
-- the owner's connection, so that a successor can end it: a paused owner's open transaction would hold locks on the rows to redo.
-- backend_start tells a reused pid from the old one. next_offset is null until the first batch: the consumer decides where a first
-- start begins. cluster_id keeps a rebuilt cluster, whose offsets begin again, from resuming at the old cluster's positions.
--
-- Updated some times a second, never in an indexed column: half-filled pages let every update stay in its page (HOT).
create table churn.consumer_offset (
    consumer text not null,
    cluster_id text not null,
    topic text not null,
    partition integer not null,
    next_offset bigint,
    epoch bigint not null,
    backend_pid integer,
    backend_start timestamptz,
    updated_at timestamptz not null,
    primary key (consumer, cluster_id, topic, partition),
    constraint offset_is_natural check (next_offset >= 0)
) with (fillfactor = 50);

comment on table churn.consumer_offset is 'Positions stored by consumers. One row per consumer, cluster, topic and partition.';
comment on column churn.consumer_offset.next_offset is 'First offset that is not stored yet; null before the first batch.';
comment on column churn.consumer_offset.epoch is 'Number of the current claim; writes under an older one are refused.';
comment on column churn.consumer_offset.backend_pid is 'Server process of the owner''s connection; null when it released the partition.';

-- The monitor's windows and sketches, so that a restart does not forget them. State and the positions it covers are one row and so
-- change together: exactly-once without a second table.
create table churn.monitor_state (
    shard text primary key,
    format integer not null,
    state bytea not null,
    positions jsonb not null,
    saved_at timestamptz not null
);

comment on table churn.monitor_state is 'Saved state of the monitor. One row per shard.';
comment on column churn.monitor_state.format is 'Version of the encoding of state; an unknown one is not read.';
comment on column churn.monitor_state.positions is 'Offsets up to which the state has seen each partition, by cluster and topic.';

-- Who may do what only one may do. token grows with each new holder and is handed to what the holder writes, so that a holder that
-- lost the lease without noticing is refused.
create table churn.lease (
    name text primary key,
    holder text not null,
    token bigint not null,
    expires_at timestamptz not null
);

comment on table churn.lease is 'Leases. One row per thing that only one process may do.';
comment on column churn.lease.token is 'Fencing token: grows with each new holder.';
