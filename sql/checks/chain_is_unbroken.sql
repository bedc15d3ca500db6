-- question: Does every link of the audit chain follow from the link before it?
-- grain: One row per link that does not.
-- column link_number: number of the link
-- column kind: beginning, version, promotion, policy, run or reviews
-- column subject: number or id of the event that the link covers
-- column linked_at: time that the link records (UTC)
-- column problem: description of the problem
with

links as (
    select
        link_number,
        kind,
        subject,
        linked_at,
        link_sha256,
        previous_sha256,
        link_sha256_of(
            link_number, kind, subject, content_sha256, previous_sha256, linked_at
        ) as recomputed_sha256,
        row_number() over (order by link_number) as expected_number,
        lag(link_sha256, 1, '') over (order by link_number) as expected_previous_sha256
    from chain
),

final as (
    select
        link_number,
        kind,
        subject,
        linked_at,
        case
            when link_number <> expected_number then 'an earlier link is missing'
            when previous_sha256 <> expected_previous_sha256 then 'the previous link is a different one'
            else 'the link was altered'
        end as problem
    from links
    where
        link_number <> expected_number
        or previous_sha256 <> expected_previous_sha256
        or link_sha256 <> recomputed_sha256
)

select link_number, kind, subject, linked_at, problem
from final
order by link_number
