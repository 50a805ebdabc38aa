-- Who has records here. Its row is the lock under which a tenant's records are counted and added.
CREATE TABLE tenants (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant uuid NOT NULL UNIQUE
);

-- LCM controllers, app rule managers and app stores: the record as it was sent, by tenant and IP.
CREATE TABLE lcm_controllers (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant uuid NOT NULL,
    ip text NOT NULL,
    name text NOT NULL,
    port text NOT NULL,
    user_name text,
    UNIQUE (tenant, ip)
);

CREATE TABLE rule_managers (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant uuid NOT NULL,
    ip text NOT NULL,
    name text NOT NULL,
    port text NOT NULL,
    user_name text,
    UNIQUE (tenant, ip)
);

CREATE TABLE app_stores (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant uuid NOT NULL,
    ip text NOT NULL,
    port text NOT NULL,
    uri text NOT NULL,
    user_name text,
    name text,
    producer text,
    UNIQUE (tenant, ip)
);

-- Edge hosts. Optional texts are kept as they were sent: null and '' both mean none.
CREATE TABLE hosts (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant uuid NOT NULL,
    ip text NOT NULL,
    name text NOT NULL,
    zip_code text,
    city text NOT NULL,
    address text NOT NULL,
    affinity text,
    user_name text,
    edgerepo_name text,
    edgerepo_ip text NOT NULL,
    edgerepo_port text NOT NULL,
    edgerepo_username text,
    controller_ip text NOT NULL,
    rule_manager_ip text,
    coordinates text NOT NULL,
    -- Lists of objects, in the order in which they were sent.
    hardware jsonb NOT NULL,
    software jsonb NOT NULL,
    -- Uploaded or Deleted, once a Kubernetes configuration was.
    config_status text,
    created timestamptz NOT NULL,
    modified timestamptz NOT NULL,
    UNIQUE (tenant, ip)
);
CREATE INDEX hosts_tenant ON hosts (tenant, seq);

-- What hosts are searched by: one row for each hardware type, software capability, member of the affinity list and city.
CREATE TABLE host_traits (
    tenant uuid NOT NULL,
    -- hardware, software, affinity or city.
    kind text NOT NULL,
    name text NOT NULL,
    host bigint NOT NULL REFERENCES hosts (seq) ON DELETE CASCADE,
    PRIMARY KEY (tenant, kind, name, host)
);
CREATE INDEX host_traits_host ON host_traits (host, kind);
