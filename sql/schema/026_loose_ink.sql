-- Record the decimal separators and the minus of a field with their places. The template decides which of
-- them are part of the value; `extra_ink` describes the others.
alter table fields add column loose_ink struct(
    kind varchar,
    position integer,
    box struct(x integer, y integer, width integer, height integer),
    is_read boolean
)[];

comment on column fields.loose_ink is
    'Separators and minus: kind, position of their digit, box, and if part of the value. Null if none.';

-- Blind answers may have a separator and a sign. DuckDB cannot change a check, so the table is copied.
create table blind_answers_with_numbers (
    answer_number bigint primary key default nextval('blind_answer_numbers'),
    batch_id uuid not null unique,
    sample_id uuid not null,
    item_number integer not null,
    attempt integer not null check (attempt > 0),
    answer varchar not null check (regexp_full_match(answer, '-?[0-9?]*([.][0-9?]+)?|X')),
    seconds double check (seconds >= 0),
    answered_at timestamptz not null,
    actor varchar not null,
    unique (sample_id, item_number, actor, attempt)
);

insert into blind_answers_with_numbers (
    answer_number, batch_id, sample_id, item_number, attempt, answer, seconds, answered_at, actor
)
select answer_number, batch_id, sample_id, item_number, attempt, answer, seconds, answered_at, actor
from blind_answers;

drop table blind_answers;

alter table blind_answers_with_numbers rename to blind_answers;

comment on table blind_answers is
    'One row per answer of a person to a blind item. Rows are only appended, never changed.';
comment on column blind_answers.answer_number is 'Number of the answer, in recording order.';
comment on column blind_answers.batch_id is 'Id chosen by the browser. An answer is recorded only once.';
comment on column blind_answers.sample_id is 'Id of the sample.';
comment on column blind_answers.item_number is 'Number of the item in the sample, from 1.';
comment on column blind_answers.attempt is
    'Attempt of the person at the item, from 1. Only an answer that was taken back leads to another.';
comment on column blind_answers.answer is
    'Value in normal form, with ? for unreadable characters; empty for blank; X for not a digit.';
comment on column blind_answers.seconds is 'Time taken for the answer, seconds. Null if unknown.';
comment on column blind_answers.answered_at is 'Time of the answer (UTC).';
comment on column blind_answers.actor is 'Person who answered.';
