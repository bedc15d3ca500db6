-- question: Do versions, promotions, policies, finished runs and reviews still match their chain links?
-- grain: One row per event that was altered, removed or added.
-- column kind: beginning, version, promotion, policy, run or reviews
-- column subject: number or id of the event
-- column link_number: number of the event's link, null if it has none
-- column linked_at: time when the link was added (UTC)
-- column problem: description of the problem
with

compared as (
    select
        coalesce(chain.kind, chain_events.kind) as kind,
        coalesce(chain.subject, chain_events.subject) as subject,
        chain.link_number,
        chain.linked_at,
        chain.content_sha256 as linked_sha256,
        chain_events.content_sha256 as found_sha256
    from chain
    full join chain_events on chain.kind = chain_events.kind and chain.subject = chain_events.subject
    where chain.kind is null or chain.kind <> 'beginning'
),

beginning as (
    select kind, subject, link_number, linked_at, content_sha256 as linked_sha256
    from chain
    where kind = 'beginning'
),

-- The events without a link must equal the events that existed when the chain began.
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
            when found_sha256 is null then 'the event was removed'
            else 'the event was altered'
        end as problem
    from compared
    where link_number is not null and found_sha256 is distinct from linked_sha256
    union all
    select
        'beginning' as kind,
        '' as subject,
        beginning.link_number,
        beginning.linked_at,
        'events from before the chain were removed, or its first link was altered' as problem
    from before
    left join beginning on true
    where before.events = 0 and beginning.linked_sha256 is distinct from before.found_sha256
    union all
    select
        compared.kind,
        compared.subject,
        compared.link_number,
        compared.linked_at,
        'the event has no link: it was added, or altered if older than the chain' as problem
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
