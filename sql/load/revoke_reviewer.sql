-- Revoke all valid tokens of a person, and return their ids.
update reviewers
set revoked_at = $revoked_at, revoked_by = $revoked_by
where name = $name and revoked_at is null
returning token_id
