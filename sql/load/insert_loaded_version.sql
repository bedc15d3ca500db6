-- Insert one model version that was loaded, or the reason why it could not be.
insert into loaded_versions (model_name, model_version, weights_sha256, problem)
values ($model_name, $model_version, $weights_sha256, $problem)
