-- The mark that the folder of packages carries too: files are removed only where both agree. At most one row.
CREATE TABLE package_store (
    place INTEGER PRIMARY KEY CHECK (place = 1),
    id BLOB NOT NULL
) STRICT;
