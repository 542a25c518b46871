-- +goose Up

-- What looks at rollouts that are over held, compressed, in parts of many looks: what
-- is in a part is empty in the looks themselves. Everything else of a look stays where
-- it was, and so does the last verdict of a rollout, which others quote.
create table archives (
    rollout_id text   not null references rollouts (id),
    part       bigint not null, -- from 1, in the order of the looks
    inputs     bytea  not null, -- see pack.go; empty where there are none
    verdicts   bytea  not null,
    primary key (rollout_id, part)
);

-- One row for each rollout whose looks' inputs were removed by policy.
create table removals (
    rollout_id text   not null primary key references rollouts (id),
    at         bigint not null, -- when
    looks      bigint not null, -- of the first so many looks
    seal       text   not null  -- digest of what remains of them
);

-- 0: looks as they were committed; 1: compressed; 2: without inputs.
alter table rollouts add column settled bigint not null default 0;
create index rollouts_settled on rollouts (settled, closed) where closed is not null;
