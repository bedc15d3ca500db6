-- Return the recorded sha256 of a model version's weights.
select weights_sha256
from model_versions
where model_name = $model_name and model_version = $model_version
