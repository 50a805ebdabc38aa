-- The applications on hosts. They go with their host.
CREATE TABLE applications (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant BLOB NOT NULL,
    host INTEGER NOT NULL REFERENCES hosts (seq) ON DELETE CASCADE,
    -- The application instance.
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    package BLOB NOT NULL,
    -- The hardware types that it uses.
    capabilities TEXT NOT NULL,
    status TEXT NOT NULL,
    UNIQUE (tenant, id)
) STRICT;
CREATE INDEX applications_host ON applications (host, seq);
CREATE INDEX applications_running ON applications (host, seq) WHERE status = 'Instantiated';
