-- Find the person whose valid token has a hash.
select token_id, name, token_sha256
from reviewers
where token_sha256 = $token_sha256 and revoked_at is null
