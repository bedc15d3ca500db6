-- question: What does a policy decide for each digit of a run?
-- grain: One row per prediction of the run, then one per blank cell on the pages that the run read.
-- param run: scoring run id or its beginning, dataset (its newest run), or 'latest' (default: latest)
-- param policy: policy number, or 'latest' for the policy in force for the model version (default: latest)
-- param decision: accept, review, not_a_digit, blank or 'all' (default: all)
-- param limit: maximum number of rows (default: 100)
-- column digit_id: id of the digit, null for a blank cell
-- column decision: accept, review, not_a_digit or blank
-- column is_sampled: true if the digit is in review only because the random sample contains it
-- column label: predicted digit
-- column confidence: calibrated probability of the label, 0 to 1
-- column not_a_digit: score that the image is not a digit, 0 to 1, null if the model has no such score
-- column threshold: lowest confidence that the policy accepts, null if it accepts nothing
-- column policy_number: policy that decides, null for blank cells and if the model version has no policy
-- column truth: true digit, null if unknown
-- column source: file or data set that contains the digit
-- column page: page of the source, from 1
-- column field: field of the form, null outside forms
-- column position: position in the field, or on the page outside forms, from 0
with

least_sure as (
    select
        shard_fingerprint, digit_id, label, confidence, not_a_digit, truth, policy_number, threshold, is_sure,
        decision
    from run_decisions(cast($run as uuid), $policy)
    where $decision = 'all' or decision = $decision
    order by confidence, digit_id
    limit cast($limit as bigint)
),

blank_cells as (
    select pages_read.source, pages_read.page, fields.field, cells.position
    from cells
    inner join run_pages(cast($run as uuid)) as pages_read using (page_id)
    inner join fields using (field_id)
    where cells.state = 'blank' and $decision in ('all', 'blank')
    order by pages_read.source, pages_read.page, fields.field, cells.position
    limit cast($limit as bigint)
),

final as (
    select
        least_sure.digit_id,
        least_sure.decision,
        least_sure.decision = 'review' and least_sure.is_sure as is_sampled,
        least_sure.label,
        least_sure.confidence,
        least_sure.not_a_digit,
        least_sure.threshold,
        least_sure.policy_number,
        least_sure.truth,
        digits.source,
        digits.page,
        digits.field,
        digits.position
    from least_sure
    left join digits using (shard_fingerprint, digit_id)
    union all
    select
        null as digit_id,
        'blank' as decision,
        false as is_sampled,
        null as label,
        null as confidence,
        null as not_a_digit,
        null as threshold,
        null as policy_number,
        null as truth,
        source,
        page,
        field,
        position
    from blank_cells
)

select
    digit_id, decision, is_sampled, label, confidence, not_a_digit, threshold, policy_number, truth, source,
    page, field, position
from final
order by confidence nulls last, digit_id, source, page, field, position
limit cast($limit as bigint)
