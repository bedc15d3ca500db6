-- Insert the last link of the chain that was published elsewhere.
insert into published_head (link_number, link_sha256)
values ($link_number, $link_sha256)
