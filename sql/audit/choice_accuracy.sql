-- question: How accurately does a run read choices with a known truth?
-- grain: One row per form and choice, after one row for all choices together.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- column form: name of the form, null in the row for all choices
-- column choice: name of the choice, null in the row for all choices
-- column choices: choices with a known truth
-- column choices_right: choices that are read right and are not doubtful
-- column choices_right_pct: percentage of choices that are read right and are not doubtful
-- column in_doubt: doubtful choices, which wait for a person
-- column silent_errors: choices that are read wrong without a doubt
with

-- Of a page that was read again with a corrected template, use the last reading.
readings as (
    select
        choice_readings.form,
        choice_readings.choice,
        choice_readings.is_doubtful,
        coalesce(choice_readings.value, '') = choice_truths.truth as is_right
    from choice_readings
    inner join choice_truths using (choice_id)
    where choice_readings.scoring_run_id = cast($run as uuid)
    qualify choice_readings.read_at
        = max(choice_readings.read_at) over (partition by choice_readings.source_sha256, choice_readings.page)
),

final as (
    select
        form,
        choice,
        count(*) as choices,
        count(*) filter (where is_right and not is_doubtful) as choices_right,
        round(100 * count(*) filter (where is_right and not is_doubtful) / count(*), 2) as choices_right_pct,
        count(*) filter (where is_doubtful) as in_doubt,
        count(*) filter (where not is_right and not is_doubtful) as silent_errors
    from readings
    group by grouping sets ((), (form, choice))
    having count(*) > 0
)

select form, choice, choices, choices_right, choices_right_pct, in_doubt, silent_errors
from final
order by form nulls first, choice nulls first
