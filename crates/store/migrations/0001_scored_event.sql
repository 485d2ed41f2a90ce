-- One row per score: the event's columns, what the model said, and where it all came from.
--
-- score_id is a ULID stored as uuid: 48 bits of event time in milliseconds, then 80 bits derived from the event's identity. It sorts
-- by time, so new rows reach the right-hand pages of the one index, and a range of it is a range of event time. Hence:
--   * partitioned by range of score_id: a day is dropped, not deleted, and a query over a time window reads its days only;
--   * no other index: each one would cost every COPY, and the readers (labelled rows of a window, the audit) scan ranges of score_id
--     or whole partitions. A column to look up single customers by is not an access path of this system.
-- The default partition is the net: an event outside all made partitions is stored, not refused; partition maintenance moves it.
--
-- Feature columns follow the feature table of crates/domain, in its order; a test compares them. Each is nullable, because a missing
-- value is scored and counted. Categories are text, not an enum: an unknown word is scored and counted too. Money is exact.
create table churn.scored_event (
    -- ids
    score_id uuid not null,
    stream text not null,
    sequence bigint not null,
    customer_id text not null,
    event_time timestamptz not null,
    synthesizer_version text,
    -- features
    female boolean,
    senior_citizen boolean,
    partner boolean,
    dependents boolean,
    tenure integer,
    phone_service boolean,
    multiple_lines text,
    internet_service text,
    online_security text,
    online_backup text,
    device_protection text,
    tech_support text,
    streaming_tv text,
    streaming_movies text,
    contract text,
    paperless_billing boolean,
    payment_method text,
    monthly_charges numeric(10, 2),
    total_charges numeric(10, 2),
    -- location
    zip_code text,
    city text,
    county text,
    latitude double precision,
    longitude double precision,
    -- score
    probability double precision not null,
    label boolean not null,
    threshold double precision not null,
    model_version text not null,
    model_hash text not null,
    scored_at timestamptz not null,
    -- lineage
    event_schema_id integer not null,
    source_partition integer not null,
    source_offset bigint not null,
    -- Written by the server, not sent: the start of the transaction that stored the row costs no byte on the wire.
    stored_at timestamptz not null default now(),
    constraint scored_event_pkey primary key (score_id),
    constraint probability_is_one check (probability between 0 and 1)
) partition by range (score_id);

create table churn.scored_event_default partition of churn.scored_event default;

comment on schema churn is 'Churnstream: scores, outcomes, models and the bookkeeping of the stream.';
comment on table churn.scored_event is 'Scored events. One row per score.';
comment on column churn.scored_event.score_id is 'ULID as uuid: event time in milliseconds (48 bits), first 80 bits of SHA-256 of stream:sequence.';
comment on column churn.scored_event.stream is 'Stream that emitted the event; with sequence it identifies the event.';
comment on column churn.scored_event.sequence is 'Place of the event in its stream, from 0.';
comment on column churn.scored_event.event_time is 'When the event happened.';
comment on column churn.scored_event.synthesizer_version is 'Version of the generator that made the customer; null for real ones.';
comment on column churn.scored_event.tenure is 'Months that the customer has stayed.';
comment on column churn.scored_event.monthly_charges is 'What the customer pays a month, US dollars.';
comment on column churn.scored_event.total_charges is 'What the customer has paid so far, US dollars.';
comment on column churn.scored_event.zip_code is 'Postal code, as text: it may start with a zero.';
comment on column churn.scored_event.probability is 'Calibrated probability that the customer leaves, from 0 to 1.';
comment on column churn.scored_event.label is 'Whether the probability reaches the threshold.';
comment on column churn.scored_event.threshold is 'Threshold of the model at the time.';
comment on column churn.scored_event.model_hash is 'SHA-256 of the model''s manifest, hexadecimal.';
comment on column churn.scored_event.event_schema_id is 'Id of the schema that the event was written with.';
comment on column churn.scored_event.source_partition is 'Partition of the event in its topic.';
comment on column churn.scored_event.source_offset is 'Offset of the event in its partition.';
comment on column churn.scored_event.stored_at is 'Start of the transaction that stored the row.';
