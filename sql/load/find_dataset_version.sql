-- Return the number of the newest recorded version of a dataset.
select manifest_version
from current_datasets
where dataset = $dataset
