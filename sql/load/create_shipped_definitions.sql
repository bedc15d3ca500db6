-- Create a temporary table for the views and macros of this release.
create temporary table shipped_definitions (
    kind varchar not null,
    name varchar not null,
    parameters varchar not null,
    text varchar
)
