-- question: Which digits and fields did people review, and what did they decide?
-- grain: One row per verdict, newest first.
-- param digit: digit_id or its beginning, for the digit and its fields, or 'all' (default: all)
-- param limit: maximum number of rows (default: 100)
-- column review_number: number of the review, in recording order
-- column reviewed_at: time of the review (UTC)
-- column actor: person who reviewed
-- column kind: digit or field
-- column verdict: digit 0 to 9, value of a field, blank, not_a_digit or unreadable
-- column reading: predicted digit, or value of the field after the rules, null if the field has no value
-- column confidence: confidence of the reading, 0 to 1, null without a reading
-- column is_right: true if the verdict equals the reading, null if unreadable
-- column is_undone: true if the person undid the verdict
-- column mode: folder, groups, fields, documents or blind, null if not recorded
-- column seconds: time taken, seconds, null if unknown
-- column field: name of the field, null for a digit outside forms
-- column model_version: model version that made the reading, NAME/VERSION
-- column note: note by the person, null without one
-- column digit_id: id of the digit, null for a field
-- column field_id: id of the field, null for a digit outside forms
-- column batch_id: id of the batch of verdicts that were given at once
with

places as (
    select cells.digit_id, any_value(cells.field_id) as field_id, any_value(fields.field) as field
    from cells
    inner join fields using (field_id)
    where cells.digit_id in (select digit_id from reviews)
    group by cells.digit_id
),

digits_reviewed as (
    select
        reviews.review_number,
        reviews.reviewed_at,
        reviews.actor,
        'digit' as kind,
        reviews.verdict,
        cast(predictions.label as varchar) as reading,
        predictions.confidence,
        if(
            reviews.verdict = 'unreadable', null, reviews.verdict = cast(predictions.label as varchar)
        ) as is_right,
        reviews.mode,
        reviews.seconds,
        places.field,
        concat_ws('/', shard_scores.model_name, shard_scores.model_version) as model_version,
        reviews.note,
        reviews.digit_id,
        places.field_id,
        reviews.batch_id
    from reviews
    left join predictions using (digit_id, shard_score_id)
    left join shard_scores using (shard_score_id)
    left join places using (digit_id)
    where $digit = 'all' or cast(reviews.digit_id as varchar) = $digit
),

fields_reviewed as (
    select
        field_reviews.review_number,
        field_reviews.reviewed_at,
        field_reviews.actor,
        'field' as kind,
        if(field_reviews.verdict = 'value', field_reviews.value, field_reviews.verdict) as verdict,
        readings.value as reading,
        readings.confidence,
        if(
            field_reviews.verdict = 'unreadable',
            null,
            field_reviews.value is not distinct from readings.value
        ) as is_right,
        field_reviews.mode,
        field_reviews.seconds,
        fields.field,
        concat_ws('/', readings.model_name, readings.model_version) as model_version,
        field_reviews.note,
        null as digit_id,
        field_reviews.field_id,
        field_reviews.batch_id
    from field_reviews
    inner join fields using (field_id)
    left join (
        select field_id, model_name, model_version, value, confidence
        from values_read
        where field_id in (select field_id from field_reviews)
        qualify row_number() over (
            partition by field_id order by model_version desc, precision, preprocessing_fingerprint
        ) = 1
    ) as readings using (field_id)
    where
        $digit = 'all'
        or field_reviews.field_id in (select field_id from cells where cast(digit_id as varchar) = $digit)
),

verdicts as (
    select
        review_number, reviewed_at, actor, kind, verdict, reading, confidence, is_right, mode, seconds, field,
        model_version, note, digit_id, field_id, batch_id
    from digits_reviewed
    union all
    select
        review_number, reviewed_at, actor, kind, verdict, reading, confidence, is_right, mode, seconds, field,
        model_version, note, digit_id, field_id, batch_id
    from fields_reviewed
),

final as (
    select
        verdicts.review_number,
        verdicts.reviewed_at,
        verdicts.actor,
        verdicts.kind,
        verdicts.verdict,
        verdicts.reading,
        verdicts.confidence,
        verdicts.is_right,
        verdicts.batch_id in (select batch_id from review_undos) as is_undone,
        verdicts.mode,
        verdicts.seconds,
        verdicts.field,
        verdicts.model_version,
        verdicts.note,
        verdicts.digit_id,
        verdicts.field_id,
        verdicts.batch_id
    from verdicts
)

select
    review_number, reviewed_at, actor, kind, verdict, reading, confidence, is_right, is_undone, mode, seconds,
    field, model_version, note, digit_id, field_id, batch_id
from final
order by review_number desc
limit cast($limit as bigint)
