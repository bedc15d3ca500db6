-- Adds one alias as the model registry has it now.
insert into registry_aliases (model_name, alias, model_version)
values ($model_name, $alias, $model_version)
