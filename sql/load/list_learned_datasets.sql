-- Return the training datasets of each model version, as text separated by commas.
select distinct datasets
from model_versions
where datasets is not null
