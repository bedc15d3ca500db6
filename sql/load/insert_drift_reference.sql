-- Records one bin of a version's reference; one that is there already stays as it is.
insert into drift_references (model_name, model_version, measure, bin, lower_end, digits, critical)
values ($model_name, $model_version, $measure, $bin, $lower_end, $digits, $critical)
on conflict do nothing
