-- Work that is done later: callbacks, scheduled looks, sweeps. This table is what
-- people see and what decides; the queue's own tables only say who tries next.
-- Times are nanoseconds since the Unix epoch, in UTC; 0 is never.

-- +goose Up

create table work (
    id         text   not null primary key, -- from job_key
    job_key    text   not null unique,      -- adding it again changes nothing
    kind       text   not null,             -- names the handler
    rollout_id text   not null,             -- or empty
    target     text   not null,             -- what it depends on, or empty
    body       text   not null,             -- JSON, or empty
    state      text   not null,             -- queued, done, dead or cancelled
    generation bigint not null,             -- 1, and one more for each retry by hand
    attempts   bigint not null,             -- all of them; the newest is the fence
    failures   bigint not null,             -- of them without success
    error      text   not null,             -- of the last attempt
    added      bigint not null,
    not_before bigint not null,             -- the next attempt comes no earlier
    deadline   bigint not null,             -- when it is given up
    patience   bigint not null,             -- deadline after a retry by hand, nanoseconds
    tried      bigint not null,             -- when the last attempt began
    ended      bigint not null              -- when it was done, given up or dropped
);

create index work_state on work (state, kind, added);
create index work_ended on work (ended);
create index work_rollout on work (rollout_id);
