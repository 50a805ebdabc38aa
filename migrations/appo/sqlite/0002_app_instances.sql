-- One application on one host.
CREATE TABLE app_instances (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    tenant BLOB NOT NULL,
    package BLOB NOT NULL,
    app BLOB NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    host TEXT NOT NULL,
    -- The LCM controller's address: set when the host was looked up, kept for the day Inventory knows it no more.
    controller_ip TEXT,
    controller_port INTEGER,
    -- Creating, Created, Create failed, Instantiated, Instantiation failed.
    status TEXT NOT NULL,
    -- success, or the reason of the last failure.
    info TEXT,
    -- The SHA-256 of the package's file, once it was fetched and checked: what was created is what is deployed.
    digest TEXT,
    hw_capabilities TEXT NOT NULL,
    sw_capabilities TEXT NOT NULL,
    -- The descriptor's rules, in the shape of the interface.
    rules TEXT,
    -- Its name is taken on its host: Instantiated, about to be, or was and is being terminated.
    holds_name INTEGER NOT NULL,
    terminating INTEGER NOT NULL,
    -- Terminate even where the controller cannot be reached any more.
    force INTEGER NOT NULL,
    -- Something was sent to the controller at least once; and when the unanswered instantiate was, if there is one.
    ever_sent INTEGER NOT NULL,
    sent_at TEXT,
    created TEXT NOT NULL,
    modified TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX app_instances_name ON app_instances (tenant, host, name) WHERE holds_name;
CREATE INDEX app_instances_tenant ON app_instances (tenant, seq);
CREATE INDEX app_instances_package ON app_instances (tenant, host, package);

-- What an instance's package needs on the same host, as its descriptor writes it: no pattern on the ids.
CREATE TABLE dependencies (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    instance BLOB NOT NULL REFERENCES app_instances (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    package TEXT NOT NULL
) STRICT;
CREATE INDEX dependencies_instance ON dependencies (instance);
CREATE INDEX dependencies_package ON dependencies (package);

-- The operations that one batch call started; their jobs name it.
CREATE TABLE batches (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    tenant BLOB NOT NULL,
    kind TEXT NOT NULL,
    -- Items asked for, and items taken.
    asked INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    created TEXT NOT NULL
) STRICT;
CREATE INDEX batches_created ON batches (created);

-- One change of an instance's rules. The task of a descriptor's own rules has its instance's id.
CREATE TABLE rule_tasks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    tenant BLOB NOT NULL,
    instance BLOB NOT NULL,
    -- The rule manager's own id, once it has answered.
    manager_task TEXT,
    -- PROCESSING, SUCCESS or FAILURE.
    result TEXT NOT NULL,
    detailed TEXT NOT NULL,
    created TEXT NOT NULL,
    ended TEXT
) STRICT;
CREATE INDEX rule_tasks_tenant ON rule_tasks (tenant, seq);
CREATE INDEX rule_tasks_created ON rule_tasks (created);
