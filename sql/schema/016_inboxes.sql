-- Inboxes: folders and object store prefixes that are polled for documents, and the documents found there.

create sequence inbox_numbers;

-- One row per declaration of an inbox. The newest declaration of a name is in force.
create table inboxes (
    declaration_number bigint primary key default nextval('inbox_numbers'),
    name varchar not null,
    place varchar not null,
    templates varchar[] not null,
    reference_folder varchar,
    archive varchar,
    settle_s double not null check (settle_s >= 0),
    is_removed boolean not null,
    declared_at timestamptz not null,
    actor varchar not null
);

comment on sequence inbox_numbers is 'Numbers of the declarations of inboxes.';
comment on table inboxes is
    'One row per declaration of an inbox. The newest of a name counts. Rows are only appended.';
comment on column inboxes.declaration_number is 'Number of the declaration, in the order of time.';
comment on column inboxes.name is 'Name of the inbox. Its datasets are called NAME/YYYY-MM-DD.';
comment on column inboxes.place is 'Folder or URL that is polled.';
comment on column inboxes.templates is 'Paths of the templates of the expected forms.';
comment on column inboxes.reference_folder is
    'Folder of the blank forms. Null if they are next to the templates.';
comment on column inboxes.archive is
    'Folder to which documents are moved after they were read. Null if they stay where they are.';
comment on column inboxes.settle_s is
    'Time for which a file must not change before it is taken, in seconds.';
comment on column inboxes.is_removed is 'True if the declaration removes the inbox.';
comment on column inboxes.declared_at is 'Time of the declaration (UTC).';
comment on column inboxes.actor is 'User who declared or removed the inbox.';

create view current_inboxes as
select declaration_number, name, place, templates, reference_folder, archive, settle_s, declared_at, actor
from inboxes
qualify
    not is_removed
    and row_number() over (partition by name order by declaration_number desc) = 1;

comment on view current_inboxes is 'One row per inbox in force: its newest declaration.';
comment on column current_inboxes.declaration_number is 'Number of the declaration, in the order of time.';
comment on column current_inboxes.name is 'Name of the inbox. Its datasets are called NAME/YYYY-MM-DD.';
comment on column current_inboxes.place is 'Folder or URL that is polled.';
comment on column current_inboxes.templates is 'Paths of the templates of the expected forms.';
comment on column current_inboxes.reference_folder is
    'Folder of the blank forms. Null if they are next to the templates.';
comment on column current_inboxes.archive is
    'Folder to which documents are moved after they were read. Null if they stay where they are.';
comment on column current_inboxes.settle_s is
    'Time for which a file must not change before it is taken, in seconds.';
comment on column current_inboxes.declared_at is 'Time of the declaration (UTC).';
comment on column current_inboxes.actor is 'User who declared the inbox.';

-- There is no primary key, as in predictions: a poll holds the lock of its inbox, and compares with all rows.
create table inbox_documents (
    inbox varchar not null,
    path varchar not null,
    size_bytes bigint not null,
    modified_ns bigint not null,
    source_sha256 varchar,
    status varchar not null check (
        status in ('taken', 'unchanged', 'duplicate', 'rejected', 'not_a_document')
    ),
    dataset varchar,
    source varchar not null,
    original_path varchar,
    archived_to varchar,
    taken_at timestamptz not null,
    actor varchar not null,
    flow_run_id varchar
);

comment on table inbox_documents is
    'One row per version of a file that an inbox took or refused. A version is a size and a time.';
comment on column inbox_documents.inbox is 'Name of the inbox.';
comment on column inbox_documents.path is 'Path of the file in the inbox.';
comment on column inbox_documents.size_bytes is 'Size of the file, in bytes.';
comment on column inbox_documents.modified_ns is
    'Time of the last change of the file, in nanoseconds since 1970.';
comment on column inbox_documents.source_sha256 is
    'Sha256 of the file. Null if the file is not a document.';
comment on column inbox_documents.status is
    'Status of the file: taken, unchanged, duplicate, rejected or not_a_document.';
comment on column inbox_documents.dataset is
    'Dataset that contains the document. Null if the file is not in a dataset.';
comment on column inbox_documents.source is
    'Path under which the document was read, as in the table documents.';
comment on column inbox_documents.original_path is
    'Path in the inbox of the document with the same content. Null if the file is not a duplicate.';
comment on column inbox_documents.archived_to is
    'Path of the file in the archive. Null if the file was not archived.';
comment on column inbox_documents.taken_at is 'Time when the file was taken or refused (UTC).';
comment on column inbox_documents.actor is 'User who ran the poll.';
comment on column inbox_documents.flow_run_id is
    'Id of the Prefect flow run. Null if the poll ran without Prefect.';
