-- +goose Up

-- Alerts of others that are about a rollout. A row is added when one begins to fire, and
-- changed when it is resolved.
create table alerts (
    rollout_id  text   not null references rollouts (id),
    fingerprint text   not null,
    started     bigint not null,
    data        text   not null, -- JSON
    primary key (rollout_id, fingerprint, started)
);
