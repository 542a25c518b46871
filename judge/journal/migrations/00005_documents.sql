-- What a dialect must keep that is no rollout: Kayenta's canary configs, executions
-- and series. Times are nanoseconds since the Unix epoch, in UTC.

-- +goose Up

create table documents (
    kind     text   not null, -- whose, and what
    id       text   not null,
    name     text   not null, -- for people; or empty
    owner    text   not null, -- an application; or empty
    state    text   not null, -- the kind's own word; or empty
    revision bigint not null, -- from 1; each change adds one
    created  bigint not null,
    updated  bigint not null,
    body     text   not null, -- JSON
    primary key (kind, id)
);

create index documents_created on documents (kind, created);
create index documents_updated on documents (kind, updated);
