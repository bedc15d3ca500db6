-- List every model version that a row names.
select model_name, model_version from model_versions
union
select model_name, model_version from promotions
union
select model_name, model_version from scoring_runs
union
select model_name, model_version from policies
order by model_name, model_version
