-- The app rules of an application instance: one document, read and replaced as one.
CREATE TABLE app_rules (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant BLOB NOT NULL,
    -- The application instance.
    instance BLOB NOT NULL,
    rules TEXT NOT NULL,
    UNIQUE (tenant, instance)
) STRICT;
