-- question: Who promoted which model version, when and why, and who was champion before and after?
-- grain: One row per promotion event, refusals included, in the order they were recorded.
-- param model: registered model, or 'all' (default: all)
-- column promotion_number: place in the order of events
-- column recorded_at: when (UTC)
-- column model_name: the registered model
-- column action: register, promote, refuse or rollback
-- column model_version: version that the event is about
-- column alias: alias that was moved, or that the version was refused
-- column champion_before: version that was champion before the event, null when there was none
-- column champion_after: version that was champion after it
-- column actor: who did it
-- column reason: why
-- column gate_digits: digits of the gate split both were judged on, null when no gate was asked
-- column champion_right: of those, digits the champion read right
-- column challenger_right: of those, digits the challenger read right
-- column champion_only_right: digits only the champion read right
-- column challenger_only_right: digits only the challenger read right
-- column p_value: exact McNemar probability of so uneven a split by chance
-- column smallest_difference: smallest net difference these disagreements could have shown, digits
with

events as (
    select
        promotion_number,
        recorded_at,
        model_name,
        action,
        model_version,
        alias,
        actor,
        reason,
        gate_digits,
        champion_right,
        challenger_right,
        champion_only_right,
        challenger_only_right,
        p_value,
        smallest_difference,
        case when alias = 'champion' and action <> 'refuse' then model_version end as new_champion
    from promotions
    where $model = 'all' or model_name = $model
),

final as (
    select
        promotion_number,
        recorded_at,
        model_name,
        action,
        model_version,
        alias,
        actor,
        reason,
        gate_digits,
        champion_right,
        challenger_right,
        champion_only_right,
        challenger_only_right,
        p_value,
        smallest_difference,
        last_value(new_champion ignore nulls) over (
            partition by model_name
            order by promotion_number
            rows between unbounded preceding and 1 preceding
        ) as champion_before,
        last_value(new_champion ignore nulls) over (
            partition by model_name
            order by promotion_number
            rows between unbounded preceding and current row
        ) as champion_after
    from events
)

select
    promotion_number,
    recorded_at,
    model_name,
    action,
    model_version,
    alias,
    champion_before,
    champion_after,
    actor,
    reason,
    gate_digits,
    champion_right,
    challenger_right,
    champion_only_right,
    challenger_only_right,
    p_value,
    smallest_difference
from final
order by promotion_number
