-- Return the last link of the chain.
select link_number, link_sha256
from chain
order by link_number desc
limit 1
