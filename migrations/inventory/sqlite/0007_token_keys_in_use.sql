-- When each key was last said to be in use, by whichever process: two that sign with different keys, while a new one is being
-- brought in, took each other's for replaced. One that is in use now is told from this moment on; what is said of it is renewed
-- by the process that signs with it.
CREATE TABLE token_keys_in_use (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    pem TEXT NOT NULL UNIQUE,
    used TEXT NOT NULL
) STRICT;
INSERT INTO token_keys_in_use (seq, pem, used)
    SELECT seq, pem, coalesce(retired, strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now')) FROM token_keys;
DROP TABLE token_keys;
ALTER TABLE token_keys_in_use RENAME TO token_keys;
