-- Scanned forms: documents, pages, fields, cells and the values read from them.

-- One row per dataset and file of scanned pages.
create table documents (
    dataset varchar not null,
    source_sha256 varchar not null,
    source varchar not null,
    pages integer not null,
    size_bytes bigint not null,
    recorded_at timestamptz not null,
    actor varchar not null,
    flow_run_id varchar,
    primary key (dataset, source_sha256)
);

-- One row per template that pages were read with: its YAML, by fingerprint.
create table templates (
    template varchar primary key,
    form varchar not null,
    text varchar not null,
    recorded_at timestamptz not null,
    actor varchar not null
);

-- One row per field of a template. Audits use it to make a column even for a field that no page contains.
create table template_fields (
    template varchar not null,
    field varchar not null,
    field_number integer not null,
    is_unique boolean not null,
    primary key (template, field)
);

-- One row per page and template, or set of templates, with the result. `templates` names the set.
create table pages (
    page_id uuid primary key,
    dataset varchar not null,
    source varchar not null,
    source_sha256 varchar not null,
    page integer not null,
    page_fingerprint varchar,
    width_px integer,
    height_px integer,
    dpi float,
    status varchar not null check (status in ('read', 'unmatched', 'blank', 'rejected', 'duplicate')),
    reason varchar,
    form varchar,
    template varchar,
    templates varchar not null,
    rotation integer check (rotation in (0, 90, 180, 270)),
    residual_px float check (residual_px >= 0),
    to_scan double[],
    duplicate_of uuid,
    read_at timestamptz not null,
    actor varchar not null,
    flow_run_id varchar,
    check ((status = 'read') = (template is not null))
);

-- One row per field of a page that was read. Boxes are pixels of the registered page and of the scan.
create table fields (
    field_id uuid not null,
    page_id uuid not null,
    template varchar not null,
    field varchar not null,
    field_number integer not null,
    box struct(x integer, y integer, width integer, height integer) not null,
    source_box struct(x integer, y integer, width integer, height integer) not null,
    picture blob not null
);

-- One row per cell of a field, or per digit found in a field without dividers.
create table cells (
    field_id uuid not null,
    page_id uuid not null,
    position integer not null,
    state varchar not null check (state in ('blank', 'digit', 'mark')),
    digit_id uuid,
    ink float not null,
    box struct(x integer, y integer, width integer, height integer) not null,
    source_box struct(x integer, y integer, width integer, height integer) not null,
    check ((state = 'blank') = (digit_id is null))
);

-- One row per field and reader. A reader is a model version with its preprocessing and precision.
-- There is no primary key, as in predictions: one transaction checks for a page's values, then loads them.
create table field_values (
    field_id uuid not null,
    page_id uuid not null,
    model_name varchar not null,
    model_version integer not null,
    preprocessing_fingerprint varchar not null,
    precision varchar not null,
    scoring_run_id uuid not null,
    status varchar not null
        check (status in ('read', 'corrected', 'blank', 'rule_failed', 'unreadable')),
    raw_value varchar,
    value varchar,
    confidence double check (confidence between 0 and 1),
    raw_probability double check (raw_probability between 0 and 1),
    probability double check (probability between 0 and 1),
    posterior double check (posterior between 0 and 1),
    broken_rule varchar,
    is_doubtful boolean not null,
    reason varchar
);

-- One row per page, reader and rule across fields that the values of the page break.
create table page_rule_failures (
    page_id uuid not null,
    model_name varchar not null,
    model_version integer not null,
    preprocessing_fingerprint varchar not null,
    precision varchar not null,
    rule varchar not null
);

-- One row per field with a known value, from a file of true values.
create table field_truths (
    field_id uuid primary key,
    page_id uuid not null,
    truth varchar not null,
    recorded_at timestamptz not null,
    actor varchar not null
);

-- One row per scoring run and field that its reader has read. Audits of forms start here.
create view field_readings as
select
    scoring_runs.scoring_run_id,
    pages.page_id,
    pages.source,
    pages.source_sha256,
    pages.page,
    pages.form,
    pages.template,
    pages.read_at,
    fields.field_id,
    fields.field,
    fields.field_number,
    fields.box,
    fields.source_box,
    field_values.status,
    field_values.raw_value,
    field_values.value,
    field_values.confidence,
    field_values.raw_probability,
    field_values.probability,
    field_values.posterior,
    field_values.broken_rule,
    field_values.is_doubtful,
    field_values.reason
from scoring_runs
inner join field_values
    on scoring_runs.model_name = field_values.model_name
    and scoring_runs.model_version = field_values.model_version
    and scoring_runs.preprocessing_fingerprint = field_values.preprocessing_fingerprint
    and scoring_runs.precision = field_values.precision
inner join fields on field_values.field_id = fields.field_id
inner join pages
    on field_values.page_id = pages.page_id
    and scoring_runs.dataset = pages.dataset;
