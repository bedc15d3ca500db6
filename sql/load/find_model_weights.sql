-- Says which weights a model version was recorded with.
select weights_sha256
from model_versions
where model_name = $model_name and model_version = $model_version
