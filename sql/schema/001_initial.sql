-- The tables of the audit database. Times are UTC. There are no foreign keys, because they would force an
-- order of writes and deletes and cost an index each. The queries in sql/checks verify references instead.

create table schema_migrations (
    version integer primary key,
    name varchar not null,
    applied_at timestamptz not null
);

-- One row per registered model version, with the origin of its weights.
create table model_versions (
    model_name varchar not null,
    model_version integer not null,
    architecture varchar not null,
    recipe varchar not null,
    training_run_id varchar not null,
    weights_sha256 varchar not null,
    preprocessing_fingerprint varchar not null,
    training_fingerprint varchar not null,
    temperature double not null,
    code_revision varchar not null,
    test_accuracy double check (test_accuracy between 0 and 1),
    registered_at timestamptz not null,
    actor varchar not null,
    flow_run_id varchar,
    primary key (model_name, model_version)
);

create sequence promotion_numbers;

-- One row per event that moved an alias or refused to move it. The number gives the order of events.
create table promotions (
    promotion_number bigint primary key default nextval('promotion_numbers'),
    model_name varchar not null,
    action varchar not null check (action in ('register', 'promote', 'refuse', 'rollback')),
    alias varchar not null check (alias in ('challenger', 'champion')),
    model_version integer not null,
    former_version integer,
    reason varchar not null,
    recorded_at timestamptz not null,
    actor varchar not null,
    flow_run_id varchar,
    gate_digits bigint,
    champion_right bigint,
    challenger_right bigint,
    champion_only_right bigint,
    challenger_only_right bigint,
    p_value double check (p_value between 0 and 1),
    smallest_difference bigint,
    unique (model_name, action, alias, model_version, recorded_at)
);

-- One row per scoring run: one manifest of a dataset, read by one model version.
create table scoring_runs (
    scoring_run_id uuid primary key,
    dataset varchar not null,
    manifest_version integer not null,
    manifest_fingerprint varchar not null,
    model_name varchar not null,
    model_version integer not null,
    preprocessing_fingerprint varchar not null,
    precision varchar not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    actor varchar not null,
    flow_run_id varchar
);

-- One row per shard of a run's manifest, in order, whether it is scored or not.
create table scoring_run_shards (
    scoring_run_id uuid not null,
    shard_position integer not null,
    shard_score_id uuid not null,
    shard_fingerprint varchar not null,
    rows bigint not null,
    primary key (scoring_run_id, shard_position)
);

-- The ledger. One row per shard that one model version has scored, committed together with its predictions:
-- a shard in the ledger is complete, and a shard that is missing was never scored.
create table shard_scores (
    shard_score_id uuid primary key,
    shard_fingerprint varchar not null,
    dataset varchar not null,
    model_name varchar not null,
    model_version integer not null,
    preprocessing_fingerprint varchar not null,
    precision varchar not null,
    rows bigint not null,
    device varchar not null,
    seconds double check (seconds >= 0),
    scored_at timestamptz not null,
    actor varchar not null,
    flow_run_id varchar
);

-- One row per digit and shard score. A primary key would make the insert fifteen times as slow, and the key
-- of the ledger already keeps a shard from being loaded twice. NULL passes a check constraint, so columns
-- are `not null` as well. NaN sorts above every number, so it fails `between 0 and 1`.
create table predictions (
    digit_id uuid not null,
    shard_score_id uuid not null,
    label utinyint not null check (label <= 9),
    confidence float not null check (confidence between 0 and 1),
    probabilities float[10] not null check (list_count(probabilities) = 10),
    not_a_digit float check (not_a_digit between 0 and 1),
    truth utinyint check (truth <= 9)
);

-- One row per digit and shard, with its place on paper. Each shard is loaded once, whatever the number of
-- model versions that score it.
create table digits (
    shard_fingerprint varchar not null,
    digit_id uuid not null,
    source varchar not null,
    source_sha256 varchar not null,
    page integer not null,
    field varchar,
    position integer not null,
    polarity varchar not null,
    label utinyint check (label <= 9)
);

-- One row per input that could not be read.
create table rejects (
    reject_id uuid primary key,
    dataset varchar not null,
    source varchar not null,
    source_sha256 varchar,
    page integer,
    kind varchar not null,
    reason varchar not null,
    rejected_at timestamptz not null,
    actor varchar not null,
    flow_run_id varchar
);
