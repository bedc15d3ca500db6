-- Create a temporary table for the current aliases of the model registry.
create temporary table registry_aliases (
    model_name varchar not null,
    alias varchar not null,
    model_version integer not null
)
