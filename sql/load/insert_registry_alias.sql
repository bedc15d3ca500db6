-- Insert one current alias of the model registry.
insert into registry_aliases (model_name, alias, model_version)
values ($model_name, $alias, $model_version)
