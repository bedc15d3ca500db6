-- Insert a person's token.
insert into reviewers (token_id, name, token_sha256, invited_at, invited_by)
values ($token_id, $name, $token_sha256, $invited_at, $invited_by)
