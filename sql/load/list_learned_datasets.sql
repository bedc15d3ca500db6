-- Return the training datasets of each model version, as text separated by commas; with $until, of those
-- registered by then.
select distinct datasets
from model_versions
where datasets is not null and ($until is null or registered_at <= $until)
