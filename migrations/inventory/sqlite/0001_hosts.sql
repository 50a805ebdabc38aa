-- Who has records here. Its row is the lock under which a tenant's records are counted and added.
CREATE TABLE tenants (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant BLOB NOT NULL UNIQUE
) STRICT;

-- LCM controllers, app rule managers and app stores: the record as it was sent, by tenant and IP.
CREATE TABLE lcm_controllers (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant BLOB NOT NULL,
    ip TEXT NOT NULL,
    name TEXT NOT NULL,
    port TEXT NOT NULL,
    user_name TEXT,
    UNIQUE (tenant, ip)
) STRICT;

CREATE TABLE rule_managers (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant BLOB NOT NULL,
    ip TEXT NOT NULL,
    name TEXT NOT NULL,
    port TEXT NOT NULL,
    user_name TEXT,
    UNIQUE (tenant, ip)
) STRICT;

CREATE TABLE app_stores (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant BLOB NOT NULL,
    ip TEXT NOT NULL,
    port TEXT NOT NULL,
    uri TEXT NOT NULL,
    user_name TEXT,
    name TEXT,
    producer TEXT,
    UNIQUE (tenant, ip)
) STRICT;

-- Edge hosts. Optional texts are kept as they were sent: null and '' both mean none.
CREATE TABLE hosts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant BLOB NOT NULL,
    ip TEXT NOT NULL,
    name TEXT NOT NULL,
    zip_code TEXT,
    city TEXT NOT NULL,
    address TEXT NOT NULL,
    affinity TEXT,
    user_name TEXT,
    edgerepo_name TEXT,
    edgerepo_ip TEXT NOT NULL,
    edgerepo_port TEXT NOT NULL,
    edgerepo_username TEXT,
    controller_ip TEXT NOT NULL,
    rule_manager_ip TEXT,
    coordinates TEXT NOT NULL,
    -- Lists of objects, in the order in which they were sent.
    hardware TEXT NOT NULL,
    software TEXT NOT NULL,
    -- Uploaded or Deleted, once a Kubernetes configuration was.
    config_status TEXT,
    created TEXT NOT NULL,
    modified TEXT NOT NULL,
    UNIQUE (tenant, ip)
) STRICT;
CREATE INDEX hosts_tenant ON hosts (tenant, seq);

-- What hosts are searched by: one row for each hardware type, software capability, member of the affinity list and city.
CREATE TABLE host_traits (
    tenant BLOB NOT NULL,
    -- hardware, software, affinity or city.
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    host INTEGER NOT NULL REFERENCES hosts (seq) ON DELETE CASCADE,
    PRIMARY KEY (tenant, kind, name, host)
) STRICT, WITHOUT ROWID;
CREATE INDEX host_traits_host ON host_traits (host, kind);
