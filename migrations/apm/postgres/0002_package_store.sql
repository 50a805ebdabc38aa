-- The mark that the folder of packages carries too: files are removed only where both agree. At most one row.
CREATE TABLE package_store (
    place integer PRIMARY KEY CHECK (place = 1),
    id uuid NOT NULL
);
