-- Ingests, the versions of datasets, the history of labels, and the names of scanned documents.

create table ingests (
    ingest_id uuid not null,
    dataset varchar not null,
    kind varchar not null check (
        kind in ('mnist', 'optdigits', 'images', 'printed', 'forms', 'reviews')
    ),
    source varchar not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    digits_added bigint not null,
    digits_relabelled bigint not null,
    digits_skipped bigint not null,
    rejected bigint not null,
    documents bigint,
    pages bigint,
    actor varchar not null,
    flow_run_id varchar,
    primary key (ingest_id, dataset)
);

comment on table ingests is 'One row per ingest and dataset that it changed or tried to change.';
comment on column ingests.ingest_id is 'Id of the ingest. Its datasets share it.';
comment on column ingests.dataset is 'Dataset, name/split.';
comment on column ingests.kind is 'Kind of source: mnist, optdigits, images, printed, forms or reviews.';
comment on column ingests.source is 'Path or name of the source.';
comment on column ingests.started_at is 'Time when the ingest started (UTC).';
comment on column ingests.finished_at is
    'Time when the ingest finished (UTC). Null if it is running, failed or was interrupted.';
comment on column ingests.digits_added is 'Number of new digits.';
comment on column ingests.digits_relabelled is 'Number of known digits that got another label.';
comment on column ingests.digits_skipped is 'Number of digits that the dataset already had, unchanged.';
comment on column ingests.rejected is 'Number of inputs that were rejected.';
comment on column ingests.documents is
    'Number of documents that were opened. Null if the source is not scanned forms.';
comment on column ingests.pages is
    'Number of pages in these documents. Null if the source is not scanned forms.';
comment on column ingests.actor is 'User who ran the ingest.';
comment on column ingests.flow_run_id is
    'Id of the Prefect flow run. Null if the job ran without Prefect.';

-- The fingerprint is part of the key, because versions start at 1 again when a dataset is deleted and
-- ingested once more.
create table datasets (
    dataset varchar not null,
    manifest_version integer not null,
    manifest_fingerprint varchar not null,
    digits bigint not null,
    shards integer not null,
    committed_at timestamptz not null,
    actor varchar not null,
    ingest_id uuid,
    primary key (dataset, manifest_version, manifest_fingerprint)
);

comment on table datasets is
    'One row per dataset and version of its manifest. Versions that older releases committed may be missing.';
comment on column datasets.dataset is 'Dataset, name/split.';
comment on column datasets.manifest_version is 'Number of the version, from 1.';
comment on column datasets.manifest_fingerprint is 'Fingerprint of the version, over its shards.';
comment on column datasets.digits is 'Number of digits in the version.';
comment on column datasets.shards is 'Number of shards in the version.';
comment on column datasets.committed_at is 'Time when the version was committed to the lake (UTC).';
comment on column datasets.actor is 'User who committed the version.';
comment on column datasets.ingest_id is
    'Ingest that committed the version. Null if it was a review, or if another job recorded it later.';

-- There is no primary key, as in predictions: a large dataset repeats its shards in every version.
create table dataset_shards (
    dataset varchar not null,
    manifest_version integer not null,
    manifest_fingerprint varchar not null,
    shard_fingerprint varchar not null,
    digits bigint not null
);

comment on table dataset_shards is
    'One row per dataset version and shard. A shard without a row in shard_scores was never scored.';
comment on column dataset_shards.dataset is 'Dataset, name/split.';
comment on column dataset_shards.manifest_version is 'Number of the version.';
comment on column dataset_shards.manifest_fingerprint is 'Fingerprint of the version.';
comment on column dataset_shards.shard_fingerprint is 'Fingerprint of the shard.';
comment on column dataset_shards.digits is 'Number of digits in the shard.';

create table label_changes (
    digit_id uuid not null,
    dataset varchar not null,
    former_label utinyint check (former_label <= 9),
    label utinyint not null check (label <= 9),
    manifest_version integer not null,
    changed_at timestamptz not null,
    actor varchar not null,
    ingest_id uuid
);

comment on table label_changes is 'One row per digit and ingest that changed its label.';
comment on column label_changes.digit_id is 'Id of the digit.';
comment on column label_changes.dataset is 'Dataset in which the label changed.';
comment on column label_changes.former_label is 'Label before the change. Null if the digit had none.';
comment on column label_changes.label is 'Label after the change.';
comment on column label_changes.manifest_version is 'Version of the dataset that has the new label.';
comment on column label_changes.changed_at is 'Time when that version was committed (UTC).';
comment on column label_changes.actor is 'User who changed the label.';
comment on column label_changes.ingest_id is
    'Ingest that brought the new label. Null if it was interrupted, and a later job found the change.';

create view current_datasets as
select
    dataset,
    manifest_version,
    manifest_fingerprint,
    digits,
    shards,
    committed_at,
    actor,
    ingest_id
from datasets
qualify row_number() over (partition by dataset order by committed_at desc, manifest_version desc) = 1;

comment on view current_datasets is 'One row per dataset: its newest recorded version.';
comment on column current_datasets.dataset is 'Dataset, name/split.';
comment on column current_datasets.manifest_version is 'Number of the version.';
comment on column current_datasets.manifest_fingerprint is 'Fingerprint of the version.';
comment on column current_datasets.digits is 'Number of digits in the version.';
comment on column current_datasets.shards is 'Number of shards in the version.';
comment on column current_datasets.committed_at is 'Time when the version was committed (UTC).';
comment on column current_datasets.actor is 'User who committed the version.';
comment on column current_datasets.ingest_id is
    'Ingest that committed the version. Null if it was a review, or if another job recorded it later.';

-- A document is known by its content, but people know it by its path. Two paths may have the same content,
-- and the content of a path may change and change back.
create table document_names (
    dataset varchar not null,
    source varchar not null,
    source_sha256 varchar not null,
    found_at timestamptz not null
);

comment on table document_names is
    'One row each time that an ingest found new content under the path of a document.';
comment on column document_names.dataset is 'Dataset of the document.';
comment on column document_names.source is 'Path of the document.';
comment on column document_names.source_sha256 is 'Sha256 of the bytes that were found under the path.';
comment on column document_names.found_at is 'Time when an ingest found them first (UTC).';

insert into document_names (dataset, source, source_sha256, found_at)
select dataset, source, source_sha256, recorded_at
from documents;

-- A scan without any page that was read does not replace an earlier one.
create view current_documents as
with

read_documents as (
    select distinct dataset, source_sha256, true as has_read_page
    from pages
    where status = 'read'
),

scans as (
    select
        document_names.dataset,
        document_names.source,
        document_names.source_sha256,
        document_names.found_at,
        count(*) over (
            partition by document_names.dataset, document_names.source
            order by document_names.found_at
        ) - 1 as replaces,
        coalesce(read_documents.has_read_page, false) as has_read_page
    from document_names
    left join read_documents
        on document_names.dataset = read_documents.dataset
        and document_names.source_sha256 = read_documents.source_sha256
)

select dataset, source, source_sha256, found_at, replaces
from scans
qualify row_number() over (
    partition by dataset, source
    order by has_read_page desc, found_at desc, source_sha256
) = 1;

comment on view current_documents is
    'One row per dataset and path of a document: the newest scan with a page that was read, else the newest.';
comment on column current_documents.dataset is 'Dataset of the document.';
comment on column current_documents.source is 'Path of the document.';
comment on column current_documents.source_sha256 is 'Sha256 of the bytes of the current scan.';
comment on column current_documents.found_at is 'Time when an ingest found this scan first (UTC).';
comment on column current_documents.replaces is 'Number of earlier scans under the same path.';
