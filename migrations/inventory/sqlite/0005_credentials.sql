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

-- Tenants' access keys.
CREATE TABLE credentials (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    access_key TEXT NOT NULL UNIQUE,
    tenant BLOB NOT NULL,
    name TEXT NOT NULL,
    -- Role names.
    roles TEXT NOT NULL,
    active INTEGER NOT NULL,
    -- CIDRs; none: from anywhere.
    allowed_sources TEXT NOT NULL,
    created TEXT NOT NULL,
    expires TEXT,
    -- The secret key, sealed with the master key for this access key.
    secret BLOB NOT NULL,
    -- The one before it, and how long it still counts.
    old_secret BLOB,
    old_until TEXT,
    last_used TEXT,
    last_source TEXT
) STRICT;
CREATE INDEX credentials_tenant ON credentials (tenant, seq);

-- What was done with a tenant's keys, and what was refused.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant BLOB NOT NULL,
    -- A refused log-in; else a change.
    refusal INTEGER NOT NULL,
    -- Counts up within a tenant's changes, and within its refusals: the oldest make room for new ones.
    number INTEGER NOT NULL,
    -- When; of several alike within a minute, the first.
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    access_key TEXT NOT NULL,
    source TEXT,
    -- How many were alike.
    times INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_tenant ON audit (tenant, refusal, number);
CREATE INDEX audit_at ON audit (at);
