-- The applications on hosts. They go with their host.
CREATE TABLE applications (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant uuid NOT NULL,
    host bigint NOT NULL REFERENCES hosts (seq) ON DELETE CASCADE,
    -- The application instance.
    id uuid NOT NULL,
    name text NOT NULL,
    package uuid NOT NULL,
    -- The hardware types that it uses.
    capabilities jsonb NOT NULL,
    status text NOT NULL,
    UNIQUE (tenant, id)
);
CREATE INDEX applications_host ON applications (host, seq);
CREATE INDEX applications_running ON applications (host, seq) WHERE status = 'Instantiated';
