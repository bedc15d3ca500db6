-- Adds the last link of the chain as it was made known elsewhere.
insert into published_head (link_number, link_sha256)
values ($link_number, $link_sha256)
