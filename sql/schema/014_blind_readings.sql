-- Blind second readings. Two people answer independently, without seeing the prediction. A third person
-- settles a disagreement. The settled value becomes a verdict.

-- One row per sample that people read blind: drawn at random from a run, or from the review queue.
create table blind_samples (
    sample_id uuid primary key,
    name varchar not null,
    kind varchar not null check (kind in ('sample', 'queue')),
    scoring_run_id uuid,
    form varchar,
    field varchar,
    reason varchar,
    size bigint not null check (size > 0),
    seed bigint not null,
    created_at timestamptz not null,
    actor varchar not null,
    check (kind = 'queue' or scoring_run_id is not null)
);

-- One row per field of a form, or digit outside forms, in a sample, with the reading to compare with.
create table blind_items (
    sample_id uuid not null,
    item_number integer not null,
    scoring_run_id uuid not null,
    dataset varchar not null,
    form varchar,
    field varchar,
    field_id uuid,
    page_id uuid,
    digit_id uuid,
    shard_score_id uuid,
    shard_fingerprint varchar,
    value_read varchar,
    value_corrected varchar,
    primary key (sample_id, item_number),
    check ((field_id is null) <> (digit_id is null)),
    check ((field_id is null) = (page_id is null)),
    check ((digit_id is null) = (shard_score_id is null))
);

-- One row per answer of a person. Rows are only appended; review_undos lists the answers that were taken
-- back.
create sequence blind_answer_numbers;

create table blind_answers (
    answer_number bigint primary key default nextval('blind_answer_numbers'),
    batch_id uuid not null unique,
    sample_id uuid not null,
    item_number integer not null,
    attempt integer not null check (attempt > 0),
    answer varchar not null check (regexp_full_match(answer, '[0-9?]*|X')),
    seconds double check (seconds >= 0),
    answered_at timestamptz not null,
    actor varchar not null,
    unique (sample_id, item_number, actor, attempt)
);

-- One row per answer that was not taken back. Turn 1 and 2 are independent; turn 3 settles.
create view blind_turns as
select
    answer_number,
    batch_id,
    sample_id,
    item_number,
    row_number() over (partition by sample_id, item_number order by answer_number) as turn,
    answer,
    seconds,
    answered_at,
    actor
from blind_answers
where batch_id not in (select batch_id from review_undos);

-- One row per item of a sample.
create view blind_results as
with

turns as (
    select
        sample_id,
        item_number,
        max(answer) filter (where turn = 1) as first_answer,
        max(actor) filter (where turn = 1) as first_person,
        max(answer) filter (where turn = 2) as second_answer,
        max(actor) filter (where turn = 2) as second_person,
        max(answered_at) filter (where turn = 2) as second_at,
        max(answer) filter (where turn = 3) as third_answer,
        max(actor) filter (where turn = 3) as third_person,
        max(answered_at) filter (where turn = 3) as third_at
    from blind_turns
    group by sample_id, item_number
)

select
    blind_items.sample_id,
    blind_items.item_number,
    blind_items.scoring_run_id,
    blind_items.dataset,
    blind_items.form,
    blind_items.field,
    blind_items.field_id,
    blind_items.digit_id,
    blind_items.shard_score_id,
    blind_items.value_read,
    blind_items.value_corrected,
    turns.first_answer,
    turns.first_person,
    turns.second_answer,
    turns.second_person,
    turns.third_answer,
    turns.third_person,
    turns.first_answer = turns.second_answer as is_agreed,
    case when is_agreed then turns.second_answer else turns.third_answer end as settled_value,
    case when is_agreed then turns.second_person else turns.third_person end as settled_by,
    case when is_agreed then turns.second_at else turns.third_at end as settled_at,
    settled_value is not null as is_settled,
    if(
        contains(settled_value, '?'),
        null,
        settled_value = coalesce(blind_items.value_corrected, if(blind_items.value_read is null, '', '?'))
    ) as is_model_right
from blind_items
left join turns using (sample_id, item_number);

-- One row per pair of people, in alphabetical order, and field. Only the two independent answers count:
-- a third person sees just the disagreements. Kappa compares character by character.
create view agreement_between_people as
with

pairs as (
    select
        least(first_person, second_person) as first_person,
        greatest(first_person, second_person) as second_person,
        coalesce(form, '') as form,
        coalesce(field, '') as field,
        is_agreed,
        if(first_person < second_person, first_answer, second_answer) as first_text,
        if(first_person < second_person, second_answer, first_answer) as second_text,
        coalesce(nullif(first_text, ''), '_') as first_signs,
        coalesce(nullif(second_text, ''), '_') as second_signs
    from blind_results
    where second_answer is not null
),

signs as (
    select
        first_person,
        second_person,
        form,
        field,
        unnest(string_split(first_signs, '')) as first_sign,
        unnest(string_split(second_signs, '')) as second_sign
    from pairs
    where length(first_signs) = length(second_signs)
),

frequencies as (
    select
        first_person,
        second_person,
        form,
        field,
        sign,
        count(*) filter (where turn = 1) * count(*) filter (where turn = 2) as chances
    from (
        select first_person, second_person, form, field, first_sign as sign, 1 as turn from signs
        union all
        select first_person, second_person, form, field, second_sign as sign, 2 as turn from signs
    )
    group by first_person, second_person, form, field, sign
),

expected as (
    select first_person, second_person, form, field, sum(chances) as chances
    from frequencies
    group by first_person, second_person, form, field
),

observed as (
    select
        first_person,
        second_person,
        form,
        field,
        count(*) as characters,
        count(*) filter (where first_sign = second_sign) as equal_characters
    from signs
    group by first_person, second_person, form, field
),

counted as (
    select
        first_person,
        second_person,
        form,
        field,
        count(*) as items,
        count(*) filter (where is_agreed) as agreed
    from pairs
    group by first_person, second_person, form, field
)

select
    first_person,
    second_person,
    nullif(form, '') as form,
    nullif(field, '') as field,
    counted.items,
    counted.agreed,
    round(100 * counted.agreed / counted.items, 2) as agreed_pct,
    coalesce(observed.characters, 0) as characters,
    observed.equal_characters / observed.characters as equal_share,
    cast(expected.chances / (observed.characters * observed.characters) as double) as expected_share,
    if(expected_share < 1, (equal_share - expected_share) / (1 - expected_share), null) as kappa
from counted
left join observed using (first_person, second_person, form, field)
left join expected using (first_person, second_person, form, field);

-- One row per person, model version and field: how often the person's answer equals the reading.
create view agreement_with_model as
select
    blind_turns.actor,
    scoring_runs.model_name,
    scoring_runs.model_version,
    blind_items.form,
    blind_items.field,
    count(*) as answers,
    count(*) filter (where blind_turns.answer = coalesce(blind_items.value_read, '')) as equal_read,
    round(100 * equal_read / count(*), 2) as equal_read_pct,
    count(*) filter (
        where
            blind_turns.answer
            -- A field that the model found unreadable has no value, but it is not blank.
            = coalesce(blind_items.value_corrected, if(blind_items.value_read is null, '', '?'))
    ) as equal_corrected,
    round(100 * equal_corrected / count(*), 2) as equal_corrected_pct
from blind_turns
inner join blind_items using (sample_id, item_number)
left join scoring_runs using (scoring_run_id)
group by
    blind_turns.actor,
    scoring_runs.model_name,
    scoring_runs.model_version,
    blind_items.form,
    blind_items.field;

-- The sha256 of each event's content as the chain covers it since this release: runs with their policies,
-- batches of verdicts with field verdicts, modes and seconds, blind samples and blind answers. Older events
-- keep their sha256.
create view chain_events as
with

digit_details as (
    select
        cast(batch_id as varchar) as subject,
        string_agg(
            concat(link_text(review_number), link_text(mode), link_text(seconds)),
            chr(10)
            order by review_number
        ) as details
    from reviews
    where mode is not null
    group by batch_id
),

field_batches as (
    select
        cast(batch_id as varchar) as subject,
        string_agg(
            concat(
                link_text(review_number),
                link_text(field_id),
                link_text(page_id),
                link_text(verdict),
                link_text(value),
                link_text(has_all_digits),
                link_text(note),
                link_text(mode),
                link_text(seconds),
                link_text(epoch_us(reviewed_at)),
                link_text(actor)
            ),
            chr(10)
            order by review_number
        ) as content
    from field_reviews
    group by batch_id
),

digit_batches as (
    select subject, content_sha256
    from chain_contents
    where kind = 'reviews'
),

items_drawn as (
    select
        sample_id,
        string_agg(
            concat(
                link_text(item_number),
                link_text(scoring_run_id),
                link_text(dataset),
                link_text(form),
                link_text(field),
                link_text(field_id),
                link_text(page_id),
                link_text(digit_id),
                link_text(shard_score_id),
                link_text(shard_fingerprint),
                link_text(value_read),
                link_text(value_corrected)
            ),
            chr(10)
            order by item_number
        ) as content
    from blind_items
    group by sample_id
)

select kind, subject, content_sha256
from chain_contents
where kind not in ('run', 'reviews')
union all
select
    chain_contents.kind,
    chain_contents.subject,
    if(
        scoring_runs.digit_policy is null and scoring_runs.field_policy is null,
        chain_contents.content_sha256,
        sha256(
            concat(
                link_text(chain_contents.content_sha256),
                link_text(scoring_runs.digit_policy),
                link_text(scoring_runs.field_policy)
            )
        )
    ) as content_sha256
from chain_contents
inner join scoring_runs on chain_contents.subject = cast(scoring_runs.scoring_run_id as varchar)
where chain_contents.kind = 'run'
union all
select
    'reviews' as kind,
    subject,
    if(
        digit_details.details is null and field_batches.content is null,
        digit_batches.content_sha256,
        sha256(
            concat(
                link_text(digit_batches.content_sha256),
                link_text(digit_details.details),
                link_text(field_batches.content)
            )
        )
    ) as content_sha256
from digit_batches
left join digit_details using (subject)
full join field_batches using (subject)
union all
select
    'reviews' as kind,
    cast(undo_id as varchar) as subject,
    sha256(
        concat(link_text(undo_id), link_text(batch_id), link_text(epoch_us(undone_at)), link_text(actor))
    ) as content_sha256
from review_undos
union all
select
    'reviews' as kind,
    cast(blind_samples.sample_id as varchar) as subject,
    sha256(
        concat(
            link_text(blind_samples.sample_id),
            link_text(blind_samples.name),
            link_text(blind_samples.kind),
            link_text(blind_samples.scoring_run_id),
            link_text(blind_samples.form),
            link_text(blind_samples.field),
            link_text(blind_samples.reason),
            link_text(blind_samples.size),
            link_text(blind_samples.seed),
            link_text(epoch_us(blind_samples.created_at)),
            link_text(blind_samples.actor),
            link_text(items_drawn.content)
        )
    ) as content_sha256
from blind_samples
left join items_drawn using (sample_id)
union all
select
    'reviews' as kind,
    cast(batch_id as varchar) as subject,
    sha256(
        concat(
            link_text(answer_number),
            link_text(batch_id),
            link_text(sample_id),
            link_text(item_number),
            link_text(attempt),
            link_text(answer),
            link_text(seconds),
            link_text(epoch_us(answered_at)),
            link_text(actor)
        )
    ) as content_sha256
from blind_answers;

-- Comments on everything above.

comment on table blind_samples is
    'One row per sample that people read blind: without the prediction, and without the answers of others.';
comment on table blind_items is 'One row per field of a form, or digit outside forms, in a blind sample.';
comment on table blind_answers is
    'One row per answer of a person to a blind item. Rows are only appended, never changed.';
comment on sequence blind_answer_numbers is 'Numbers of blind answers.';
comment on view blind_turns is 'One row per blind answer that was not taken back, with its turn.';
comment on view blind_results is
    'One row per blind item: two independent answers, that of a third person, and the settled value.';
comment on view agreement_between_people is
    'One row per pair of people and field: how often their independent answers agree.';
comment on view agreement_with_model is
    'One row per person, model version and field: how often blind answers equal the reading.';
comment on view chain_events is
    'One row per event of the audit chain, with the sha256 of its current content.';
comment on column chain_events.kind is 'Kind of event: version, promotion, policy, run or reviews.';
comment on column chain_events.subject is 'Number or id of the event.';
comment on column chain_events.content_sha256 is 'Sha256 of the event''s content.';
comment on column blind_samples.sample_id is 'Id of the sample, derived from all that it was drawn by.';
comment on column blind_samples.name is 'Name of the sample.';
comment on column blind_samples.kind is
    'sample if drawn from all readings of a run, queue if drawn from what waited for a person.';
comment on column blind_samples.scoring_run_id is
    'Scoring run that it was drawn from. Null for the queue of all runs.';
comment on column blind_samples.form is 'Form that it was drawn from. Null for any form.';
comment on column blind_samples.field is 'Field that it was drawn from. Null for any field.';
comment on column blind_samples.reason is 'First word of the reason to review. Null for any reason.';
comment on column blind_samples.size is 'Largest number of items to draw.';
comment on column blind_samples.seed is 'Seed of the draw.';
comment on column blind_samples.created_at is 'Time of the draw (UTC).';
comment on column blind_samples.actor is 'Person who drew the sample.';
comment on column blind_items.sample_id is 'Id of the sample.';
comment on column blind_items.item_number is 'Number of the item in the sample, from 1.';
comment on column blind_items.scoring_run_id is 'Scoring run whose reading is compared.';
comment on column blind_items.dataset is 'Dataset, NAME/SPLIT.';
comment on column blind_items.form is 'Name of the form. Null for a digit.';
comment on column blind_items.field is 'Name of the field. Null for a digit.';
comment on column blind_items.field_id is 'Id of the field. Null for a digit.';
comment on column blind_items.page_id is 'Id of the form page. Null for a digit.';
comment on column blind_items.digit_id is 'Id of the digit. Null for a field.';
comment on column blind_items.shard_score_id is 'Shard score of the prediction. Null for a field.';
comment on column blind_items.shard_fingerprint is 'Shard that contains the image. Null for a field.';
comment on column blind_items.value_read is
    'Value formed by the most probable digits, or the predicted digit. Null if no cell has a digit.';
comment on column blind_items.value_corrected is
    'Value after applying the rules, or the predicted digit. Null if the field is blank or unreadable.';
comment on column blind_answers.answer_number is 'Number of the answer, in recording order.';
comment on column blind_answers.batch_id is 'Id chosen by the browser. An answer is recorded only once.';
comment on column blind_answers.sample_id is 'Id of the sample.';
comment on column blind_answers.item_number is 'Number of the item in the sample, from 1.';
comment on column blind_answers.attempt is
    'Attempt of the person at the item, from 1. Only an answer that was taken back leads to another.';
comment on column blind_answers.answer is
    'Digits, with ? for unreadable characters; empty for blank; X for not a digit.';
comment on column blind_answers.seconds is 'Time taken for the answer, seconds. Null if unknown.';
comment on column blind_answers.answered_at is 'Time of the answer (UTC).';
comment on column blind_answers.actor is 'Person who answered.';
comment on column blind_turns.answer_number is 'Number of the answer, in recording order.';
comment on column blind_turns.batch_id is 'Id of the answer.';
comment on column blind_turns.sample_id is 'Id of the sample.';
comment on column blind_turns.item_number is 'Number of the item in the sample, from 1.';
comment on column blind_turns.turn is '1 or 2 for an independent answer, 3 for the answer that settles.';
comment on column blind_turns.answer is 'Digits, with ? for unreadable characters; empty for blank.';
comment on column blind_turns.seconds is 'Time taken for the answer, seconds. Null if unknown.';
comment on column blind_turns.answered_at is 'Time of the answer (UTC).';
comment on column blind_turns.actor is 'Person who answered.';
comment on column blind_results.sample_id is 'Id of the sample.';
comment on column blind_results.item_number is 'Number of the item in the sample, from 1.';
comment on column blind_results.scoring_run_id is 'Scoring run whose reading is compared.';
comment on column blind_results.dataset is 'Dataset, NAME/SPLIT.';
comment on column blind_results.form is 'Name of the form. Null for a digit.';
comment on column blind_results.field is 'Name of the field. Null for a digit.';
comment on column blind_results.field_id is 'Id of the field. Null for a digit.';
comment on column blind_results.digit_id is 'Id of the digit. Null for a field.';
comment on column blind_results.shard_score_id is 'Shard score of the prediction. Null for a field.';
comment on column blind_results.value_read is
    'Value formed by the most probable digits, or the predicted digit. Null if no cell has a digit.';
comment on column blind_results.value_corrected is
    'Value after applying the rules, or the predicted digit. Null if the field is blank or unreadable.';
comment on column blind_results.first_answer is 'First independent answer. Null until it is given.';
comment on column blind_results.first_person is 'Person who answered first. Null without an answer.';
comment on column blind_results.second_answer is 'Second independent answer. Null until it is given.';
comment on column blind_results.second_person is
    'Person who answered second. Null without a second answer.';
comment on column blind_results.third_answer is
    'Answer that settles a disagreement. Null if the first two agree, or until it is given.';
comment on column blind_results.third_person is
    'Person who settled a disagreement. Null without a third answer.';
comment on column blind_results.is_agreed is
    'True if the two independent answers are equal. Null until both are given.';
comment on column blind_results.settled_value is
    'Value that two people agree on, or that the third gave; empty for blank. Null until settled.';
comment on column blind_results.settled_by is 'Person whose answer settled the item. Null until settled.';
comment on column blind_results.settled_at is
    'Time of the answer that settled the item (UTC). Null until settled.';
comment on column blind_results.is_settled is 'True if the item has a settled value.';
comment on column blind_results.is_model_right is
    'True if the settled value equals value_corrected. Null until settled, or if unreadable.';
comment on column agreement_between_people.first_person is 'Person, the first of the pair by name.';
comment on column agreement_between_people.second_person is 'Person, the second of the pair by name.';
comment on column agreement_between_people.form is 'Name of the form. Null for digits outside forms.';
comment on column agreement_between_people.field is 'Name of the field. Null for digits outside forms.';
comment on column agreement_between_people.items is 'Items that both people answered first or second.';
comment on column agreement_between_people.agreed is 'Items on which their answers are equal.';
comment on column agreement_between_people.agreed_pct is 'agreed as a percentage of items.';
comment on column agreement_between_people.characters is
    'Characters in pairs of answers of the same length.';
comment on column agreement_between_people.equal_share is
    'Share of these characters that are equal, 0 to 1. Null without such characters.';
comment on column agreement_between_people.expected_share is
    'Share that would be equal by chance, 0 to 1. Null without such characters.';
comment on column agreement_between_people.kappa is
    'Cohen''s kappa of these characters, at most 1. Null without such characters, or if all are the same.';
comment on column agreement_with_model.actor is 'Person who answered.';
comment on column agreement_with_model.model_name is 'Name of the registered model. Null if unknown.';
comment on column agreement_with_model.model_version is 'Version of the model. Null if unknown.';
comment on column agreement_with_model.form is 'Name of the form. Null for digits outside forms.';
comment on column agreement_with_model.field is 'Name of the field. Null for digits outside forms.';
comment on column agreement_with_model.answers is 'Blind answers of the person.';
comment on column agreement_with_model.equal_read is 'Answers that equal the value read.';
comment on column agreement_with_model.equal_read_pct is 'equal_read as a percentage of answers.';
comment on column agreement_with_model.equal_corrected is 'Answers that equal the value after the rules.';
comment on column agreement_with_model.equal_corrected_pct is 'equal_corrected as a percentage of answers.';
