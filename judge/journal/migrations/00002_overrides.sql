-- +goose Up

-- What people decided in the judge's place. Rows are added and never changed.
create table overrides (
    rollout_id text   not null references rollouts (id),
    seq        bigint not null, -- from 1, without holes
    at         bigint not null,
    data       text   not null, -- JSON
    primary key (rollout_id, seq)
);

-- Who asked for what, who decided what, and what was told. Rows are added and never
-- changed; they outlive the rollouts that they speak of.
create table audit (
    id      text   not null primary key, -- sorts by time
    at      bigint not null,
    who     text   not null,
    what    text   not null,
    rollout text   not null, -- its ID, or empty
    detail  text   not null  -- JSON, or empty
);

create index audit_rollout on audit (rollout, id);
create index rollouts_closed on rollouts (closed) where closed is not null;
