-- What of the monitor's state is too much for one value: both ends of a connection hold a value in memory several times. Pieces
-- belong to the row of monitor_state that was stored in the same transaction.
create table churn.monitor_state_piece (
    shard text not null,
    number integer not null,
    piece bytea not null,
    primary key (shard, number)
);

-- Ids are hashes: trying to compress them costs time and gains nothing.
alter table churn.monitor_state_piece alter column piece set storage external;

comment on table churn.monitor_state_piece is 'Part of a saved state of the monitor. One row per piece of a shard.';
comment on column churn.monitor_state_piece.number is 'Place of the piece, from 0.';
comment on column churn.monitor_state_piece.piece is 'Scores and outcomes that wait for each other, in the encoding that monitor_state.format names.';
