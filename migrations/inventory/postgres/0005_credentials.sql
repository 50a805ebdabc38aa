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

-- Tenants' access keys.
CREATE TABLE credentials (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    access_key text NOT NULL UNIQUE,
    tenant uuid NOT NULL,
    name text NOT NULL,
    -- Role names.
    roles jsonb NOT NULL,
    active boolean NOT NULL,
    -- CIDRs; none: from anywhere.
    allowed_sources jsonb NOT NULL,
    created timestamptz NOT NULL,
    expires timestamptz,
    -- The secret key, sealed with the master key for this access key.
    secret bytea NOT NULL,
    -- The one before it, and how long it still counts.
    old_secret bytea,
    old_until timestamptz,
    last_used timestamptz,
    last_source text
);
CREATE INDEX credentials_tenant ON credentials (tenant, seq);

-- What was done with a tenant's keys, and what was refused.
CREATE TABLE audit (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant uuid NOT NULL,
    -- A refused log-in; else a change.
    refusal boolean NOT NULL,
    -- Counts up within a tenant's changes, and within its refusals: the oldest make room for new ones.
    number bigint NOT NULL,
    -- When; of several alike within a minute, the first.
    at timestamptz NOT NULL,
    who text NOT NULL,
    what text NOT NULL,
    access_key text NOT NULL,
    source text,
    -- How many were alike.
    times bigint NOT NULL
);
CREATE INDEX audit_tenant ON audit (tenant, refusal, number);
CREATE INDEX audit_at ON audit (at);
