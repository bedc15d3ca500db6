-- question: Are versions, promotions, policies, finished runs and reviews what the chain says they were?
-- grain: One row per event that was altered, taken out or put in.
-- column kind: beginning, version, promotion, policy, run or reviews
-- column subject: number or id of the event
-- column link_number: its link, null where it has none
-- column linked_at: when it was linked (UTC)
-- column problem: what is wrong
with

compared as (
    select
        coalesce(chain.kind, chain_contents.kind) as kind,
        coalesce(chain.subject, chain_contents.subject) as subject,
        chain.link_number,
        chain.linked_at,
        chain.content_sha256 as linked_sha256,
        chain_contents.content_sha256 as found_sha256
    from chain
    full join chain_contents on chain.kind = chain_contents.kind and chain.subject = chain_contents.subject
    where chain.kind is null or chain.kind <> 'beginning'
),

beginning as (
    select kind, subject, link_number, linked_at, content_sha256 as linked_sha256
    from chain
    where kind = 'beginning'
),

-- What has no link of its own must be what was there when the chain began.
before as (
    select
        sha256(
            coalesce(
                string_agg(concat_ws(':', kind, subject, found_sha256), chr(10) order by kind, subject), ''
            )
        ) as found_sha256,
        count(*) as events
    from compared
    where link_number is null
),

problems as (
    select
        kind,
        subject,
        link_number,
        linked_at,
        case
            when found_sha256 is null then 'it was taken out'
            else 'it was altered'
        end as problem
    from compared
    where link_number is not null and found_sha256 is distinct from linked_sha256
    union all
    select
        'beginning' as kind,
        '' as subject,
        beginning.link_number,
        beginning.linked_at,
        'what happened before the chain began was altered, or events were put in' as problem
    from before
    left join beginning on true
    where before.events = 0 and beginning.linked_sha256 is distinct from before.found_sha256
    union all
    select
        compared.kind,
        compared.subject,
        compared.link_number,
        compared.linked_at,
        'it was put in, or altered before the chain began' as problem
    from compared
    cross join before
    left join beginning on true
    where compared.link_number is null and beginning.linked_sha256 is distinct from before.found_sha256
),

final as (
    select kind, subject, link_number, linked_at, problem
    from problems
)

select kind, subject, link_number, linked_at, problem
from final
order by kind, link_number, subject
