-- List the blind samples, newest first, with their progress and the answers of $actor. A null $sample_id
-- lists all samples.
with

own as (
    select sample_id, count(*) as answers
    from blind_turns
    where actor = $actor
    group by sample_id
),

final as (
    select
        blind_samples.sample_id,
        blind_samples.name,
        blind_samples.kind,
        blind_samples.scoring_run_id,
        blind_samples.form,
        blind_samples.field,
        blind_samples.reason,
        blind_samples.size,
        blind_samples.seed,
        blind_samples.created_at,
        blind_samples.actor,
        count(*) as items,
        count(*) filter (where blind_results.is_settled) as settled,
        count(*) filter (where not blind_results.is_agreed and not blind_results.is_settled) as disagreed,
        count(*) filter (where blind_results.is_model_right is not null) as compared,
        count(*) filter (where not blind_results.is_model_right) as misread,
        coalesce(any_value(own.answers), 0) as own_answers
    from blind_samples
    inner join blind_results using (sample_id)
    left join own using (sample_id)
    where $sample_id is null or blind_samples.sample_id = cast($sample_id as uuid)
    group by all
)

select
    cast(sample_id as varchar) as sample_id, name, kind, cast(scoring_run_id as varchar) as scoring_run_id,
    form, field, reason, size, seed, created_at, actor, items, settled, disagreed, compared, misread,
    own_answers
from final
order by created_at desc, sample_id
