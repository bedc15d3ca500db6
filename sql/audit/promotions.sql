-- question: Who promoted which model version, when and why, and which version was champion before and after?
-- grain: One row per promotion event, including refusals, in recording order.
-- param model: registered model, or 'all' (default: all)
-- column promotion_number: number of the event, in recording order
-- column recorded_at: time of the event (UTC)
-- column model_name: registered model
-- column action: register, promote, refuse or rollback
-- column model_version: version that the event is about
-- column alias: alias that moved to the version, or that the version was refused
-- column champion_before: champion before the event, null if there was none
-- column champion_after: champion after the event, null before the first promotion
-- column actor: user who caused the event
-- column reason: reason for the event
-- column gate_digits: digits of the gate split that both versions read, null if the gate was not used
-- column champion_right: gate digits that the champion predicted correctly
-- column challenger_right: gate digits that the challenger predicted correctly
-- column champion_only_right: gate digits that only the champion predicted correctly
-- column challenger_only_right: gate digits that only the challenger predicted correctly
-- column p_value: p-value of the exact McNemar test
-- column smallest_difference: smallest difference in correct gate digits that the test could detect
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
