-- Create a temporary table for the last link of the chain that was published elsewhere.
create temporary table published_head (
    link_number bigint not null,
    link_sha256 varchar not null
)
