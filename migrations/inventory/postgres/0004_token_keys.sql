-- The public halves of the keys that access tokens were signed with: tokens of one that was replaced live on for a while.
CREATE TABLE token_keys (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pem text NOT NULL UNIQUE,
    -- When another key was first used instead; null for the one in use.
    retired timestamptz
);
