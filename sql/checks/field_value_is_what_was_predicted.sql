-- question: Does each field have one raw value per model and precision, equal to the predicted digits?
-- grain: One row per field, model version, preprocessing and precision with a problem.
-- column field_id: id of the field
-- column model_name: registered model that read the field
-- column model_version: version of the model
-- column raw_value: stored value formed by the most probable digits
-- column predicted: predicted digits in cell order, with ? for a missing prediction
-- column problem: description of the problem
with

readers_values as (
    select
        field_id,
        model_name,
        model_version,
        preprocessing_fingerprint,
        precision,
        min(raw_value) as raw_value,
        bool_and(status in ('read', 'corrected', 'rule_failed')) as has_digits_only,
        count(*) as values_made
    from values_read
    group by field_id, model_name, model_version, preprocessing_fingerprint, precision
),

-- Two datasets may contain the same scan, which two shards then hold with the same predictions.
readers_digits as (
    select distinct
        predictions.digit_id,
        predictions.label,
        predictions.not_a_digit,
        shard_scores.model_name,
        shard_scores.model_version,
        shard_scores.preprocessing_fingerprint,
        shard_scores.precision
    from predictions
    inner join shard_scores using (shard_score_id)
    where predictions.digit_id in (select digit_id from cells where state = 'digit')
),

written as (
    select
        readers_values.field_id,
        readers_values.model_name,
        readers_values.model_version,
        readers_values.preprocessing_fingerprint,
        readers_values.precision,
        string_agg(
            coalesce(cast(readers_digits.label as varchar), '?'), '' order by cells.position
        ) as predicted
    from readers_values
    inner join cells on readers_values.field_id = cells.field_id and cells.state = 'digit'
    left join readers_digits
        on cells.digit_id = readers_digits.digit_id
        and readers_values.model_name = readers_digits.model_name
        and readers_values.model_version = readers_digits.model_version
        and readers_values.preprocessing_fingerprint = readers_digits.preprocessing_fingerprint
        and readers_values.precision = readers_digits.precision
    -- A cell with the shape of a mark counts as one for the readers that find no digit in it.
    where settled_state(
        cells.state, cells.possible_mark, cells.is_like_mark, readers_digits.not_a_digit
    ) = 'digit'
    group by
        readers_values.field_id,
        readers_values.model_name,
        readers_values.model_version,
        readers_values.preprocessing_fingerprint,
        readers_values.precision
),

compared as (
    select
        readers_values.field_id,
        readers_values.model_name,
        readers_values.model_version,
        readers_values.raw_value,
        written.predicted,
        case
            when readers_values.values_made > 1 then 'the field has several values'
            when contains(written.predicted, '?') then 'a digit of the field has no prediction'
            when
                readers_values.has_digits_only
                and readers_values.raw_value is distinct from written.predicted
                then 'the raw value differs from the predicted digits'
            when
                not readers_values.has_digits_only
                and readers_values.raw_value is null
                and written.predicted is not null
                then 'the field has predicted digits but no raw value'
        end as problem
    from readers_values
    left join written using (field_id, model_name, model_version, preprocessing_fingerprint, precision)
),

final as (
    select field_id, model_name, model_version, raw_value, predicted, problem
    from compared
    where problem is not null
)

select field_id, model_name, model_version, raw_value, predicted, problem
from final
order by field_id, model_name, model_version
