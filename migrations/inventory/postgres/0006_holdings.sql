-- How many records of each kind a tenant has. Counting them anew for each addition took the longer the more there were, and
-- the row of the tenant made all its additions wait for each other. A row is changed in the transaction that adds or removes,
-- and none is there for nothing.
CREATE TABLE holdings (
    tenant uuid NOT NULL,
    kind text NOT NULL,
    held bigint NOT NULL,
    PRIMARY KEY (tenant, kind)
);
INSERT INTO holdings (tenant, kind, held)
    SELECT tenant, 'edge hosts', count(*) FROM hosts GROUP BY tenant
    UNION ALL SELECT tenant, 'LCM controllers', count(*) FROM lcm_controllers GROUP BY tenant
    UNION ALL SELECT tenant, 'app rule managers', count(*) FROM rule_managers GROUP BY tenant
    UNION ALL SELECT tenant, 'app stores', count(*) FROM app_stores GROUP BY tenant
    UNION ALL SELECT tenant, 'applications', count(*) FROM applications GROUP BY tenant
    UNION ALL SELECT tenant, 'app rules', count(*) FROM app_rules GROUP BY tenant;
DROP TABLE tenants;

-- Lists are read oldest first.
CREATE INDEX lcm_controllers_tenant ON lcm_controllers (tenant, seq);
CREATE INDEX rule_managers_tenant ON rule_managers (tenant, seq);
CREATE INDEX app_stores_tenant ON app_stores (tenant, seq);
CREATE INDEX applications_tenant ON applications (tenant, seq);
