-- List the inboxes in force, with counts of their documents.
with

newest as (
    select inbox, path, status
    from inbox_documents
    qualify row_number() over (partition by inbox, path order by taken_at desc) = 1
),

counts as (
    select
        inbox,
        count(*) filter (where status in ('taken', 'unchanged')) as documents,
        count(*) filter (where status = 'duplicate') as duplicates,
        count(*) filter (where status = 'rejected') as rejected
    from newest
    group by inbox
),

times as (
    select inbox, max(taken_at) as last_taken_at
    from inbox_documents
    where status = 'taken'
    group by inbox
)

select
    current_inboxes.name,
    current_inboxes.place,
    current_inboxes.templates,
    current_inboxes.reference_folder,
    current_inboxes.archive,
    current_inboxes.settle_s,
    current_inboxes.declared_at,
    current_inboxes.actor,
    coalesce(counts.documents, 0) as documents,
    coalesce(counts.duplicates, 0) as duplicates,
    coalesce(counts.rejected, 0) as rejected,
    times.last_taken_at
from current_inboxes
left join counts on current_inboxes.name = counts.inbox
left join times on current_inboxes.name = times.inbox
order by current_inboxes.name
