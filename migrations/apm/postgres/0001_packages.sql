-- One row for each package of each tenant. Onboarded by URL it is there before its file is; then sha256, size and
-- operational_info are null. Two packages of the same bytes share one file, which is named by its SHA-256.
CREATE TABLE packages (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant uuid NOT NULL,
    -- Given by the app store, or made at upload: unique within a tenant, because two tenants may take one package.
    id uuid NOT NULL,
    app_id uuid NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    -- Where the file is fetched from; null for an upload.
    path text,
    provider text,
    description text,
    affinity text,
    icon_url text,
    sha256 text,
    size bigint,
    warnings jsonb NOT NULL,
    operational_info jsonb,
    created timestamptz NOT NULL,
    modified timestamptz NOT NULL,
    UNIQUE (tenant, id)
);
CREATE INDEX packages_tenant ON packages (tenant, seq);
CREATE INDEX packages_sha256 ON packages (sha256) WHERE sha256 IS NOT NULL;

-- How far a package is on its way to a host: Processing, Distributed or Error. The error is null while Processing.
CREATE TABLE package_hosts (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    package bigint NOT NULL REFERENCES packages (seq) ON DELETE CASCADE,
    host_ip text NOT NULL,
    status text NOT NULL,
    error text,
    UNIQUE (package, host_ip)
);
CREATE INDEX package_hosts_package ON package_hosts (package, seq);
