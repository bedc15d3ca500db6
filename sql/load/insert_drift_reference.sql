-- Insert one bin of a model version's reference. An existing bin is not changed.
insert into drift_references (model_name, model_version, measure, bin, lower_end, digits, critical)
values ($model_name, $model_version, $measure, $bin, $lower_end, $digits, $critical)
on conflict do nothing
