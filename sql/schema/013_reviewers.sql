-- One row per token that a person signs in with on the verification pages. A person may have several tokens.
-- Only the hash of a token is stored. A token has 256 random bits, so a plain hash keeps it secret.
create table reviewers (
    token_id uuid primary key,
    name varchar not null check (length(name) between 1 and 64),
    token_sha256 varchar not null unique,
    invited_at timestamptz not null,
    invited_by varchar not null,
    revoked_at timestamptz,
    revoked_by varchar,
    check ((revoked_at is null) = (revoked_by is null))
);

comment on table reviewers is 'One row per token that a person signs in with on the verification pages.';
comment on column reviewers.token_id is 'Random id of the token, which is not secret.';
comment on column reviewers.name is 'Name of the person, recorded as the actor of each verdict.';
comment on column reviewers.token_sha256 is 'Sha256 of the token in hexadecimal.';
comment on column reviewers.invited_at is 'Time of the invitation (UTC).';
comment on column reviewers.invited_by is 'User who invited the person.';
comment on column reviewers.revoked_at is
    'Time when the token was revoked (UTC). Null if the token is valid.';
comment on column reviewers.revoked_by is 'User who revoked the token. Null if the token is valid.';
