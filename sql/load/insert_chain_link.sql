-- Append a link for an event, with its current content, to the end of the chain.
insert into chain (link_number, kind, subject, content_sha256, previous_sha256, link_sha256, linked_at)
with

last_link as (
    select link_number, link_sha256
    from chain
    order by link_number desc
    limit 1
)

select
    last_link.link_number + 1 as link_number,
    chain_events.kind,
    chain_events.subject,
    chain_events.content_sha256,
    last_link.link_sha256 as previous_sha256,
    link_sha256_of(
        last_link.link_number + 1,
        chain_events.kind,
        chain_events.subject,
        chain_events.content_sha256,
        last_link.link_sha256,
        current_timestamp
    ) as link_sha256,
    current_timestamp as linked_at
from chain_events
cross join last_link
where chain_events.kind = $kind and chain_events.subject = $subject
returning link_number
