-- When each key was last said to be in use, by whichever process: two that sign with different keys, while a new one is being
-- brought in, took each other's for replaced. One that is in use now is told from this moment on; what is said of it is renewed
-- by the process that signs with it.
ALTER TABLE token_keys RENAME COLUMN retired TO used;
UPDATE token_keys SET used = current_timestamp WHERE used IS NULL;
ALTER TABLE token_keys ALTER COLUMN used SET NOT NULL;
