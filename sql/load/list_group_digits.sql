-- List the digits without a verdict that a run read as $label, the least sure first. $is_open selects
-- the digits that no policy accepts; otherwise all digits of the run are listed. Marks in unused cells, and
-- digits of fields that people reviewed, are left out.
with

run as (
    select scoring_run_id, dataset
    from scoring_runs
    where scoring_run_id = cast($scoring_run_id as uuid)
),

policy as (
    select
        run_policies.policy_number,
        run_policies.threshold,
        run_policies.not_a_digit_from,
        run_policies.hold_reason
    from run_policies
    where run_policies.scoring_run_id = cast($scoring_run_id as uuid)
),

-- The threshold of each digit of a form that the policy has as a stratum.
form_digits as (
    select form_thresholds.digit_id, form_thresholds.threshold
    from form_thresholds
    inner join run using (dataset)
    inner join policy using (policy_number)
),

settled as (
    select digit_id
    from digit_verdicts
    union all
    select digit_id
    from cells
    where state = 'mark' or field_id in (select field_id from field_verdicts)
),

possible_marks as (
    select
        digit_id,
        any_value(state) as state,
        any_value(possible_mark) as possible_mark,
        any_value(is_like_mark) as is_like_mark
    from cells
    where possible_mark is not null
    group by digit_id
),

unreviewed as (
    select
        scoring_run_shards.shard_fingerprint,
        predictions.digit_id,
        predictions.shard_score_id,
        predictions.label,
        predictions.confidence,
        predictions.not_a_digit
    from predictions
    inner join scoring_run_shards using (shard_score_id)
    cross join policy
    left join form_digits on predictions.digit_id = form_digits.digit_id
    left join possible_marks on predictions.digit_id = possible_marks.digit_id
    anti join settled on predictions.digit_id = settled.digit_id
    where
        scoring_run_shards.scoring_run_id = cast($scoring_run_id as uuid)
        and predictions.label = $label
        and settled_state(
            possible_marks.state,
            possible_marks.possible_mark,
            possible_marks.is_like_mark,
            predictions.not_a_digit
        ) is distinct from 'mark'
        and (
            not $is_open
            or policy.hold_reason is not null
            or not coalesce(
                predictions.confidence
                >= if(form_digits.digit_id is null, policy.threshold, form_digits.threshold),
                false
            )
            or coalesce(predictions.not_a_digit >= coalesce(policy.not_a_digit_from, 0.5), false)
        )
    order by predictions.confidence, predictions.digit_id
    limit $limit
),

run_cells as (
    select cells.digit_id, cells.field_id, cells.page_id, cells.position, cells.box
    from cells
    inner join pages on cells.page_id = pages.page_id and pages.status = 'read'
    inner join run using (dataset)
    semi join unreviewed using (digit_id)
),

final as (
    select
        unreviewed.digit_id,
        unreviewed.shard_score_id,
        unreviewed.shard_fingerprint,
        unreviewed.label,
        unreviewed.confidence,
        unreviewed.not_a_digit,
        any_value(run_cells.field_id) as field_id,
        any_value(run_cells.page_id) as page_id,
        any_value(run_cells.position) as position,
        any_value(run_cells.box) as box
    from unreviewed
    left join run_cells using (digit_id)
    group by all
)

select
    cast(digit_id as varchar) as digit_id,
    cast(shard_score_id as varchar) as shard_score_id,
    shard_fingerprint,
    label,
    confidence,
    not_a_digit,
    cast(field_id as varchar) as field_id,
    cast(page_id as varchar) as page_id,
    position,
    box
from final
order by confidence, digit_id
