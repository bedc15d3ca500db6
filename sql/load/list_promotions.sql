-- List all promotion events in recording order.
select
    model_name,
    action,
    alias,
    model_version,
    former_version,
    reason,
    recorded_at,
    actor,
    flow_run_id,
    gate_digits,
    champion_right,
    challenger_right,
    champion_only_right,
    challenger_only_right,
    p_value,
    smallest_difference
from promotions
order by promotion_number
