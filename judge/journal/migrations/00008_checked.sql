-- +goose Up

-- Long checks, which are done as work of their own. A row is added when one begins, gets
-- its result when it ends, and is emptied by the look that uses it, which has it then.
create table checked (
    rollout_id text   not null references rollouts (id),
    name       text   not null, -- of the check
    round      bigint not null, -- from 1
    begun      bigint not null, -- when it last began
    begins     bigint not null, -- how often; only the newest may leave a result
    lasts      bigint not null, -- how long it takes at most, nanoseconds
    ended      bigint not null, -- when its result was recorded; 0 until then
    used       bigint not null, -- the look that used it; 0 until then
    result     text   not null, -- JSON from its end until it is used, else empty
    primary key (rollout_id, name, round)
);
