-- question: How much did each person review, how fast, and how accurately?
-- grain: One row per person, the most verdicts first. A blind answer counts as a verdict.
-- param day: day for verdicts_on_day (UTC), such as 2026-11-05, or 'today' (default: today)
-- column person: person who reviewed
-- column verdicts: verdicts on fields and digits, and blind answers, unless undone
-- column fields: verdicts on whole fields
-- column digits: verdicts on single digits
-- column blind: blind answers
-- column median_seconds: median time taken for a verdict, seconds, null if unknown
-- column verdicts_on_day: verdicts given on the day
-- column per_hour_on_day: verdicts of the day per hour of work on them, null without verdicts that day
-- column changed: readable verdicts that differ from the value read, without blind answers
-- column known: verdicts on fields and digits with a known value: from a file, a label or two blind readers
-- column correct: verdicts that equal the known value
-- column accuracy_pct: correct as a percentage of known, null if known is 0
-- column undone: verdicts and blind answers that were undone
-- column last_at: time of the newest verdict (UTC), null if all were undone
with

undone as (
    select batch_id
    from review_undos
),

-- The value that the newest model version read.
readings as (
    select field_id, arg_max_null(value, model_version) as value
    from values_read
    semi join field_reviews using (field_id)
    group by field_id
),

settled_fields as (
    select field_id, any_value(settled_value) as value
    from blind_results
    where field_id is not null and is_settled
    group by field_id
),

settled_digits as (
    select digit_id, any_value(settled_value) as value
    from blind_results
    where digit_id is not null and is_settled
    group by digit_id
),

field_verdicts_given as (
    select
        'field' as kind,
        field_reviews.actor,
        field_reviews.batch_id,
        field_reviews.seconds,
        field_reviews.reviewed_at as given_at,
        field_reviews.verdict <> 'unreadable'
        and field_reviews.value is distinct from readings.value as is_changed,
        coalesce(field_truths.truth, settled_fields.value) as known_value,
        if(field_reviews.verdict = 'unreadable', null, coalesce(field_reviews.value, '')) as given_value
    from field_reviews
    left join readings using (field_id)
    left join field_truths using (field_id)
    left join settled_fields using (field_id)
    where field_reviews.mode <> 'blind'
),

-- Digits whose verdict is part of a verdict on the whole field.
field_digits as (
    select field_reviews.batch_id, cells.digit_id
    from field_reviews
    inner join cells using (field_id)
    where cells.digit_id is not null
),

digit_verdicts_given as (
    select
        'digit' as kind,
        reviews.actor,
        reviews.batch_id,
        reviews.seconds,
        reviews.reviewed_at as given_at,
        reviews.verdict not in ('unreadable', cast(predictions.label as varchar)) as is_changed,
        coalesce(
            cast(predictions.truth as varchar),
            case settled_digits.value
                when '' then 'blank'
                when 'X' then 'not_a_digit'
                when '?' then null
                else settled_digits.value
            end
        ) as known_value,
        nullif(reviews.verdict, 'unreadable') as given_value
    from reviews
    left join predictions using (digit_id, shard_score_id)
    left join settled_digits using (digit_id)
    anti join field_digits using (batch_id, digit_id)
    where reviews.mode is distinct from 'blind'
),

-- The answer of the third person settles an item, so it proves nothing about that person.
blind_given as (
    select
        'blind' as kind,
        blind_answers.actor,
        blind_answers.batch_id,
        blind_answers.seconds,
        blind_answers.answered_at as given_at,
        false as is_changed,
        coalesce(
            field_truths.truth,
            cast(predictions.truth as varchar),
            if(blind_results.third_person = blind_answers.actor, null, blind_results.settled_value)
        ) as known_value,
        if(contains(blind_answers.answer, '?'), null, blind_answers.answer) as given_value
    from blind_answers
    inner join blind_results using (sample_id, item_number)
    left join field_truths using (field_id)
    left join predictions
        on blind_results.digit_id = predictions.digit_id
        and blind_results.shard_score_id = predictions.shard_score_id
),

given as (
    select kind, actor, batch_id, seconds, given_at, is_changed, known_value, given_value
    from field_verdicts_given
    union all
    select kind, actor, batch_id, seconds, given_at, is_changed, known_value, given_value
    from digit_verdicts_given
    union all
    select kind, actor, batch_id, seconds, given_at, is_changed, known_value, given_value
    from blind_given
),

judged as (
    select
        given.kind,
        given.actor,
        given.seconds,
        given.given_at,
        given.is_changed,
        given.known_value = given.given_value as is_right,
        undone.batch_id is null as counts,
        cast(given.given_at as date)
        = if($day = 'today', current_date, cast(nullif($day, 'today') as date)) as is_on_day
    from given
    left join undone using (batch_id)
),

final as (
    select
        actor as person,
        count(*) filter (where counts) as verdicts,
        count(*) filter (where counts and kind = 'field') as fields,
        count(*) filter (where counts and kind = 'digit') as digits,
        count(*) filter (where counts and kind = 'blind') as blind,
        round(median(seconds) filter (where counts), 2) as median_seconds,
        count(*) filter (where counts and is_on_day) as verdicts_on_day,
        round(
            3600 * count(seconds) filter (where counts and is_on_day)
            / nullif(sum(seconds) filter (where counts and is_on_day), 0),
            0
        ) as per_hour_on_day,
        count(*) filter (where counts and is_changed) as changed,
        count(is_right) filter (where counts) as known,
        count(*) filter (where counts and is_right) as correct,
        round(
            100 * count(*) filter (where counts and is_right)
            / nullif(count(is_right) filter (where counts), 0),
            2
        ) as accuracy_pct,
        count(*) filter (where not counts) as undone,
        max(given_at) filter (where counts) as last_at
    from judged
    group by actor
)

select
    person, verdicts, fields, digits, blind, median_seconds, verdicts_on_day, per_hour_on_day, changed, known,
    correct, accuracy_pct, undone, last_at
from final
order by verdicts desc, person
