-- +goose Up

-- One row for each recent transaction on PostgreSQL, by which a commit whose answer
-- got lost is looked up. On SQLite no answer gets lost, and it stays empty.
create table receipts (
    token text   not null primary key,
    at    bigint not null
);
