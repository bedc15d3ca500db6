-- Return a link of the chain by its number.
select link_sha256
from chain
where link_number = $link_number
