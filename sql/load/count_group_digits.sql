-- Count the digits without a verdict in the newest run of each dataset, by the digit that was read: all, and
-- the digits that no policy accepts. Marks in unused cells, and digits of fields that people reviewed, are
-- left out. $has_labels includes datasets whose digits have labels, as training sets do.
with

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

counted as (
    select
        scoring_run_shards.scoring_run_id,
        predictions.label,
        count(*) as digits,
        count(*) filter (
            where
                run_policies.hold_reason is not null
                or not coalesce(
                    predictions.confidence >= if(
                        form_thresholds.digit_id is null, run_policies.threshold, form_thresholds.threshold
                    ),
                    false
                )
                or coalesce(
                    predictions.not_a_digit >= coalesce(run_policies.not_a_digit_from, 0.5), false
                )
        ) as waiting,
        count(predictions.truth) as labelled
    from predictions
    inner join scoring_run_shards using (shard_score_id)
    inner join current_runs on scoring_run_shards.scoring_run_id = current_runs.scoring_run_id
    inner join run_policies on current_runs.scoring_run_id = run_policies.scoring_run_id
    left join form_thresholds
        on predictions.digit_id = form_thresholds.digit_id
        and current_runs.dataset = form_thresholds.dataset
        and run_policies.policy_number = form_thresholds.policy_number
    left join possible_marks on predictions.digit_id = possible_marks.digit_id
    anti join settled on predictions.digit_id = settled.digit_id
    where
        settled_state(
            possible_marks.state,
            possible_marks.possible_mark,
            possible_marks.is_like_mark,
            predictions.not_a_digit
        ) is distinct from 'mark'
    group by scoring_run_shards.scoring_run_id, predictions.label
),

final as (
    select
        *,
        sum(labelled) over (partition by scoring_run_id) > 0 as is_labelled
    from counted
)

select
    current_runs.dataset,
    cast(final.scoring_run_id as varchar) as scoring_run_id,
    current_runs.model_name,
    current_runs.model_version,
    current_runs.started_at,
    final.label,
    final.digits,
    final.waiting
from final
inner join current_runs using (scoring_run_id)
where $has_labels or not final.is_labelled
order by current_runs.started_at desc, current_runs.dataset, final.label
