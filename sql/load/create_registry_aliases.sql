-- Holds, for one connection, the aliases as the model registry has them now.
create temporary table registry_aliases (
    model_name varchar not null,
    alias varchar not null,
    model_version integer not null
)
