-- Signatures that were accepted, for as long as their date would be: none is accepted twice, by whichever process.
CREATE TABLE seen_signatures (
    -- The first half of SHA-256 over access key and signature.
    name BLOB PRIMARY KEY,
    until TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_signatures_until ON seen_signatures (until);

-- Who failed to sign lately: access keys, those that do not exist too, by where the requests came from.
CREATE TABLE failed_signatures (
    access_key TEXT NOT NULL,
    source TEXT NOT NULL,
    -- The last failure and the one before it.
    latest TEXT NOT NULL,
    earlier TEXT,
    locked INTEGER NOT NULL,
    -- When it is forgotten, the lock with it.
    until TEXT NOT NULL,
    PRIMARY KEY (access_key, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX failed_signatures_until ON failed_signatures (until);
