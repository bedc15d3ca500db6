-- Find a token by its id if it is valid.
select token_id
from reviewers
where token_id = $token_id and revoked_at is null
