-- +goose Up

-- How a rollout stands after its newest look, so that lists are narrowed and services
-- are counted without reading verdicts. What is told of a rollout is its verdict.
alter table rollouts add column outcome text;                     -- of the newest verdict; null before the first
alter table rollouts add column judged  bigint not null default 0;  -- the look whose verdict that is
alter table rollouts add column blamed  text   not null default ''; -- JSON: what a rollback is blamed on, or empty

-- Lists are in the order of these indexes, backwards. The last columns are what else a
-- list may be narrowed by, so that no rollout is read that is not shown.
drop index rollouts_started;
create index rollouts_started on rollouts (started, id);
create index rollouts_service on rollouts (service, started, id, namespace, outcome);
create index rollouts_namespace on rollouts (namespace, started, id, outcome);
create index rollouts_outcome on rollouts (outcome, started, id, namespace);
create index rollouts_open on rollouts (started, id) where closed is null;

create index documents_owner on documents (kind, owner, name, created);
