-- One row for each package of each tenant. Onboarded by URL it is there before its file is; then sha256, size and
-- operational_info are null. Two packages of the same bytes share one file, which is named by its SHA-256.
CREATE TABLE packages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant BLOB NOT NULL,
    -- Given by the app store, or made at upload: unique within a tenant, because two tenants may take one package.
    id BLOB NOT NULL,
    app_id BLOB NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    -- Where the file is fetched from; null for an upload.
    path TEXT,
    provider TEXT,
    description TEXT,
    affinity TEXT,
    icon_url TEXT,
    sha256 TEXT,
    size INTEGER,
    warnings TEXT NOT NULL,
    operational_info TEXT,
    created TEXT NOT NULL,
    modified TEXT NOT NULL,
    UNIQUE (tenant, id)
) STRICT;
CREATE INDEX packages_tenant ON packages (tenant, seq);
CREATE INDEX packages_sha256 ON packages (sha256) WHERE sha256 IS NOT NULL;

-- How far a package is on its way to a host: Processing, Distributed or Error. The error is null while Processing.
CREATE TABLE package_hosts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    package INTEGER NOT NULL REFERENCES packages (seq) ON DELETE CASCADE,
    host_ip TEXT NOT NULL,
    status TEXT NOT NULL,
    error TEXT,
    UNIQUE (package, host_ip)
) STRICT;
CREATE INDEX package_hosts_package ON package_hosts (package, seq);
