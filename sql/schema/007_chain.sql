-- The sha256 of a shard score's predictions as they were computed: of their texts, in the order of digits.
alter table shard_scores add column predictions_sha256 varchar;

-- One row per event that the audit trail must keep as it was: each names the one before by its sha256, so
-- that none can be altered, taken out or put in without all that follow, and the last one is known elsewhere.
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

-- A prediction as text: its bytes in lower-case hexadecimal, 132 characters. Floats are IEEE 754 binary32,
-- the highest byte first, and what is null is all ones.
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

-- What a model version, a promotion, a policy, a finished run or a batch of reviews says now, as a sha256:
-- what its link said when it was made.
create view chain_contents as
with

run_shards as (
    select
        scoring_run_shards.scoring_run_id,
        sha256(
            string_agg(
                cast(
                    row(
                        scoring_run_shards.shard_position,
                        scoring_run_shards.shard_score_id,
                        scoring_run_shards.shard_fingerprint,
                        scoring_run_shards.rows,
                        shard_scores.predictions_sha256,
                        shard_scores.rows,
                        shard_scores.device,
                        shard_scores.engine,
                        shard_scores.seconds,
                        epoch_us(shard_scores.scored_at),
                        shard_scores.actor,
                        shard_scores.flow_run_id
                    ) as varchar
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
        cast(
            row(
                model_name,
                model_version,
                architecture,
                recipe,
                training_run_id,
                weights_sha256,
                preprocessing_fingerprint,
                training_fingerprint,
                temperature,
                code_revision,
                test_accuracy,
                epoch_us(registered_at),
                actor,
                flow_run_id,
                effort,
                trained_on,
                datasets
            ) as varchar
        )
    ) as content_sha256
from model_versions
union all
select
    'promotion' as kind,
    cast(promotion_number as varchar) as subject,
    sha256(
        cast(
            row(
                promotion_number,
                model_name,
                action,
                alias,
                model_version,
                former_version,
                reason,
                epoch_us(recorded_at),
                actor,
                flow_run_id,
                gate_digits,
                champion_right,
                challenger_right,
                champion_only_right,
                challenger_only_right,
                p_value,
                smallest_difference
            ) as varchar
        )
    ) as content_sha256
from promotions
union all
select
    'policy' as kind,
    cast(policy_number as varchar) as subject,
    sha256(
        cast(
            row(
                policy_number,
                subject,
                model_name,
                model_version,
                precision,
                max_error,
                certainty,
                threshold,
                not_a_digit_from,
                review_rate,
                review_seed,
                evidence,
                evidence_fingerprint,
                labelled,
                accepted,
                errors,
                error_bound,
                labelled_needed,
                epoch_us(recorded_at),
                actor,
                flow_run_id
            ) as varchar
        )
    ) as content_sha256
from policies
union all
select
    'reviews' as kind,
    cast(batch_id as varchar) as subject,
    sha256(
        string_agg(
            cast(
                row(
                    review_number,
                    digit_id,
                    shard_score_id,
                    verdict,
                    note,
                    epoch_us(reviewed_at),
                    actor
                ) as varchar
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
        cast(
            row(
                scoring_runs.scoring_run_id,
                scoring_runs.dataset,
                scoring_runs.manifest_version,
                scoring_runs.manifest_fingerprint,
                scoring_runs.model_name,
                scoring_runs.model_version,
                scoring_runs.preprocessing_fingerprint,
                scoring_runs.precision,
                epoch_us(scoring_runs.started_at),
                epoch_us(scoring_runs.finished_at),
                scoring_runs.actor,
                scoring_runs.flow_run_id,
                run_shards.shards_sha256
            ) as varchar
        )
    ) as content_sha256
from scoring_runs
left join run_shards using (scoring_run_id)
where scoring_runs.finished_at is not null;

-- The first link stands for all that happened before there was a chain: next to always nothing.
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
