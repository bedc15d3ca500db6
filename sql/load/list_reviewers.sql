-- List the tokens with their people, in the order of invitation.
select
    name,
    invited_at,
    invited_by,
    revoked_at is not null as is_revoked,
    revoked_at,
    revoked_by
from reviewers
order by invited_at, token_id
