-- The app rules of an application instance: one document, read and replaced as one.
CREATE TABLE app_rules (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant uuid NOT NULL,
    -- The application instance.
    instance uuid NOT NULL,
    rules jsonb NOT NULL,
    UNIQUE (tenant, instance)
);
