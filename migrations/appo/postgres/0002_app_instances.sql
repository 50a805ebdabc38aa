-- One application on one host.
CREATE TABLE app_instances (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    tenant uuid NOT NULL,
    package uuid NOT NULL,
    app uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    host text NOT NULL,
    -- The LCM controller's address: set when the host was looked up, kept for the day Inventory knows it no more.
    controller_ip text,
    controller_port integer,
    -- Creating, Created, Create failed, Instantiated, Instantiation failed.
    status text NOT NULL,
    -- success, or the reason of the last failure.
    info text,
    -- The SHA-256 of the package's file, once it was fetched and checked: what was created is what is deployed.
    digest text,
    hw_capabilities jsonb NOT NULL,
    sw_capabilities jsonb NOT NULL,
    -- The descriptor's rules, in the shape of the interface.
    rules jsonb,
    -- Its name is taken on its host: Instantiated, about to be, or was and is being terminated.
    holds_name boolean NOT NULL,
    terminating boolean NOT NULL,
    -- Terminate even where the controller cannot be reached any more.
    force boolean NOT NULL,
    -- Something was sent to the controller at least once; and when the unanswered instantiate was, if there is one.
    ever_sent boolean NOT NULL,
    sent_at timestamptz,
    created timestamptz NOT NULL,
    modified timestamptz NOT NULL
);
CREATE UNIQUE INDEX app_instances_name ON app_instances (tenant, host, name) WHERE holds_name;
CREATE INDEX app_instances_tenant ON app_instances (tenant, seq);
CREATE INDEX app_instances_package ON app_instances (tenant, host, package);

-- What an instance's package needs on the same host, as its descriptor writes it: no pattern on the ids.
CREATE TABLE dependencies (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance uuid NOT NULL REFERENCES app_instances (id) ON DELETE CASCADE,
    name text NOT NULL,
    package text NOT NULL
);
CREATE INDEX dependencies_instance ON dependencies (instance);
CREATE INDEX dependencies_package ON dependencies (package);

-- The operations that one batch call started; their jobs name it.
CREATE TABLE batches (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    tenant uuid NOT NULL,
    kind text NOT NULL,
    -- Items asked for, and items taken.
    asked integer NOT NULL,
    taken integer NOT NULL,
    created timestamptz NOT NULL
);
CREATE INDEX batches_created ON batches (created);

-- One change of an instance's rules. The task of a descriptor's own rules has its instance's id.
CREATE TABLE rule_tasks (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    tenant uuid NOT NULL,
    instance uuid NOT NULL,
    -- The rule manager's own id, once it has answered.
    manager_task text,
    -- PROCESSING, SUCCESS or FAILURE.
    result text NOT NULL,
    detailed text NOT NULL,
    created timestamptz NOT NULL,
    ended timestamptz
);
CREATE INDEX rule_tasks_tenant ON rule_tasks (tenant, seq);
CREATE INDEX rule_tasks_created ON rule_tasks (created);
