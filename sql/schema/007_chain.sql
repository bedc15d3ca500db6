-- Sha256 of the predictions of a shard score when they were computed: of their texts, in digit order.
alter table shard_scores add column predictions_sha256 varchar;

-- The audit chain. One row per recorded event. Each link contains the sha256 of the link before it, so no
-- event can be altered, removed or added without changing all later links. The last link is published.
create table chain (
    link_number bigint primary key,
    kind varchar not null check (
        kind in ('beginning', 'version', 'promotion', 'policy', 'run', 'reviews')
    ),
    subject varchar not null,
    content_sha256 varchar not null,
    previous_sha256 varchar not null,
    link_sha256 varchar not null,
    linked_at timestamptz not null
);

create macro link_sha256_of(link_number, kind, subject, content_sha256, previous_sha256, linked_at) as
    sha256(
        concat_ws(':', link_number, kind, subject, content_sha256, previous_sha256, epoch_us(linked_at))
    );

-- Value as text that ends unambiguously: its length in bytes, a colon and the value, or a minus for null.
-- DuckDB's own text of a row is not meant for parsing and has changed between versions.
create macro link_text(item) as
    if(item is null, '-', concat(strlen(cast(item as varchar)), ':', item));

-- Prediction as text: its bytes in lower-case hexadecimal, 132 characters. Floats are big-endian IEEE 754
-- binary32. Null is all ones.
create macro prediction_text(digit_id, label, confidence, probabilities, not_a_digit, truth) as
    concat(
        replace(cast(digit_id as varchar), '-', ''),
        '0',
        label,
        lower(
            hex(
                cast(cast(confidence as bit) as blob)
                || cast(cast(probabilities[1] as bit) as blob)
                || cast(cast(probabilities[2] as bit) as blob)
                || cast(cast(probabilities[3] as bit) as blob)
                || cast(cast(probabilities[4] as bit) as blob)
                || cast(cast(probabilities[5] as bit) as blob)
                || cast(cast(probabilities[6] as bit) as blob)
                || cast(cast(probabilities[7] as bit) as blob)
                || cast(cast(probabilities[8] as bit) as blob)
                || cast(cast(probabilities[9] as bit) as blob)
                || cast(cast(probabilities[10] as bit) as blob)
            )
        ),
        coalesce(lower(hex(cast(cast(not_a_digit as bit) as blob))), 'ffffffff'),
        coalesce('0' || truth, 'ff')
    );

-- Sha256 of the current content of each model version, promotion, policy, finished run and batch of reviews.
-- It must equal the sha256 in the event's link.
create view chain_contents as
with

run_shards as (
    select
        scoring_run_shards.scoring_run_id,
        sha256(
            string_agg(
                concat(
                    link_text(scoring_run_shards.shard_position),
                    link_text(scoring_run_shards.shard_score_id),
                    link_text(scoring_run_shards.shard_fingerprint),
                    link_text(scoring_run_shards.rows),
                    link_text(shard_scores.predictions_sha256),
                    link_text(shard_scores.rows),
                    link_text(shard_scores.device),
                    link_text(shard_scores.engine),
                    link_text(shard_scores.seconds),
                    link_text(epoch_us(shard_scores.scored_at)),
                    link_text(shard_scores.actor),
                    link_text(shard_scores.flow_run_id)
                ),
                chr(10)
                order by scoring_run_shards.shard_position
            )
        ) as shards_sha256
    from scoring_run_shards
    left join shard_scores using (shard_score_id)
    group by scoring_run_shards.scoring_run_id
)

select
    'version' as kind,
    concat_ws('/', model_name, model_version) as subject,
    sha256(
        concat(
            link_text(model_name),
            link_text(model_version),
            link_text(architecture),
            link_text(recipe),
            link_text(training_run_id),
            link_text(weights_sha256),
            link_text(preprocessing_fingerprint),
            link_text(training_fingerprint),
            link_text(temperature),
            link_text(code_revision),
            link_text(test_accuracy),
            link_text(epoch_us(registered_at)),
            link_text(actor),
            link_text(flow_run_id),
            link_text(effort),
            link_text(trained_on),
            link_text(datasets)
        )
    ) as content_sha256
from model_versions
union all
select
    'promotion' as kind,
    cast(promotion_number as varchar) as subject,
    sha256(
        concat(
            link_text(promotion_number),
            link_text(model_name),
            link_text(action),
            link_text(alias),
            link_text(model_version),
            link_text(former_version),
            link_text(reason),
            link_text(epoch_us(recorded_at)),
            link_text(actor),
            link_text(flow_run_id),
            link_text(gate_digits),
            link_text(champion_right),
            link_text(challenger_right),
            link_text(champion_only_right),
            link_text(challenger_only_right),
            link_text(p_value),
            link_text(smallest_difference)
        )
    ) as content_sha256
from promotions
union all
select
    'policy' as kind,
    cast(policy_number as varchar) as subject,
    sha256(
        concat(
            link_text(policy_number),
            link_text(subject),
            link_text(model_name),
            link_text(model_version),
            link_text(precision),
            link_text(max_error),
            link_text(certainty),
            link_text(threshold),
            link_text(not_a_digit_from),
            link_text(review_rate),
            link_text(review_seed),
            link_text(evidence),
            link_text(evidence_fingerprint),
            link_text(labelled),
            link_text(accepted),
            link_text(errors),
            link_text(error_bound),
            link_text(labelled_needed),
            link_text(calibration_slope),
            link_text(calibration_offset),
            link_text(calibration_error),
            link_text(calibrated_error),
            link_text(epoch_us(recorded_at)),
            link_text(actor),
            link_text(flow_run_id)
        )
    ) as content_sha256
from policies
union all
select
    'reviews' as kind,
    cast(batch_id as varchar) as subject,
    sha256(
        string_agg(
            concat(
                link_text(review_number),
                link_text(digit_id),
                link_text(shard_score_id),
                link_text(verdict),
                link_text(note),
                link_text(epoch_us(reviewed_at)),
                link_text(actor)
            ),
            chr(10)
            order by review_number
        )
    ) as content_sha256
from reviews
group by batch_id
union all
select
    'run' as kind,
    cast(scoring_runs.scoring_run_id as varchar) as subject,
    sha256(
        concat(
            link_text(scoring_runs.scoring_run_id),
            link_text(scoring_runs.dataset),
            link_text(scoring_runs.manifest_version),
            link_text(scoring_runs.manifest_fingerprint),
            link_text(scoring_runs.model_name),
            link_text(scoring_runs.model_version),
            link_text(scoring_runs.preprocessing_fingerprint),
            link_text(scoring_runs.precision),
            link_text(epoch_us(scoring_runs.started_at)),
            link_text(epoch_us(scoring_runs.finished_at)),
            link_text(scoring_runs.actor),
            link_text(scoring_runs.flow_run_id),
            link_text(run_shards.shards_sha256)
        )
    ) as content_sha256
from scoring_runs
left join run_shards using (scoring_run_id)
where scoring_runs.finished_at is not null;

-- The first link covers all events from before the chain, usually none.
insert into chain (
    link_number, kind, subject, content_sha256, previous_sha256, link_sha256, linked_at
)
with

before as (
    select
        sha256(
            coalesce(
                string_agg(concat_ws(':', kind, subject, content_sha256), chr(10) order by kind, subject), ''
            )
        ) as content_sha256,
        current_timestamp as linked_at
    from chain_contents
)

select
    1 as link_number,
    'beginning' as kind,
    '' as subject,
    content_sha256,
    '' as previous_sha256,
    link_sha256_of(1, 'beginning', '', content_sha256, '', linked_at) as link_sha256,
    linked_at
from before;
