-- Holds, for one connection, the last link of the chain as it was made known elsewhere.
create temporary table published_head (
    link_number bigint not null,
    link_sha256 varchar not null
)
