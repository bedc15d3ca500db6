create sequence review_numbers;

-- One row per verdict of a person on one prediction. Rows are only appended, and the newest verdict on a
-- digit counts. Reviews that are imported together are a batch.
create table reviews (
    review_number bigint primary key default nextval('review_numbers'),
    batch_id uuid not null,
    digit_id uuid not null,
    shard_score_id uuid not null,
    verdict varchar not null check (
        verdict in ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'blank', 'not_a_digit', 'unreadable')
    ),
    note varchar,
    reviewed_at timestamptz not null,
    actor varchar not null,
    unique (batch_id, digit_id)
);
