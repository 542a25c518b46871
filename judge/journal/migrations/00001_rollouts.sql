-- Types are chosen so that this file is valid on SQLite and on PostgreSQL alike:
-- bigint, text and bytea; and so that no name is a reserved word of either, or it is
-- quoted. Times are nanoseconds since the Unix epoch, in UTC.
-- There is no way down: a journal is never taken back to an older schema.

-- +goose Up

-- Plans as they were when a rollout was announced, by content.
create table plans (
    digest text not null primary key,
    data   text not null -- JSON
);

-- One row for each attempt to replace one revision by another.
create table rollouts (
    id          text   not null primary key,
    controller  text   not null,
    namespace   text   not null,
    service     text   not null,
    revision    text   not null,
    started     bigint not null,
    closed      bigint,          -- null while live
    why         text   not null, -- why it was closed
    attempt     bigint not null,
    plan_digest text   not null references plans (digest),
    data        text   not null  -- JSON: the rollout
);

-- A service is replaced by one revision at a time for each controller.
create unique index rollouts_live on rollouts (controller, namespace, service) where closed is null;
create index rollouts_key on rollouts (controller, namespace, service, revision, started);
create index rollouts_started on rollouts (started);

-- One row for each look. The columns up to inputs_digest are what later verdicts
-- may rest on, and inputs_digest chains them from the first look to this one.
-- The verdict comes last, so that reading the rest does not read it.
create table looks (
    rollout_id     text   not null references rollouts (id),
    seq            bigint not null, -- from 1, without holes
    at             bigint not null,
    "freeze"       bytea  not null, -- see codec.go
    checks         text   not null, -- JSON, or empty
    problems       text   not null, -- JSON, or empty
    context        text   not null, -- JSON: what the look knew beside what it read
    latch          text   not null, -- JSON, or empty
    promotes       bigint not null, -- 1 where promotion was answered with yes
    inputs_digest  text   not null,
    verdict_digest text   not null, -- SHA-256 of verdict, hexadecimal
    verdict        text   not null, -- JSON, byte for byte
    primary key (rollout_id, seq)
);
