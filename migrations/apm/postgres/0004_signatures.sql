-- Signatures that were accepted, for as long as their date would be: none is accepted twice, by whichever process.
CREATE TABLE seen_signatures (
    -- The first half of SHA-256 over access key and signature.
    name uuid PRIMARY KEY,
    until timestamptz NOT NULL
);
CREATE INDEX seen_signatures_until ON seen_signatures (until);

-- Who failed to sign lately: access keys, those that do not exist too, by where the requests came from.
CREATE TABLE failed_signatures (
    access_key text NOT NULL,
    source text NOT NULL,
    -- The last failure and the one before it.
    latest timestamptz NOT NULL,
    earlier timestamptz,
    locked boolean NOT NULL,
    -- When it is forgotten, the lock with it.
    until timestamptz NOT NULL,
    PRIMARY KEY (access_key, source)
);
CREATE INDEX failed_signatures_until ON failed_signatures (until);
