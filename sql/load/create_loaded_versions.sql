-- Create a temporary table for the model versions that were loaded from the model registry just now.
create temporary table loaded_versions (
    model_name varchar not null,
    model_version integer not null,
    weights_sha256 varchar,
    problem varchar
)
