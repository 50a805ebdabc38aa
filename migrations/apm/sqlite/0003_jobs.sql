-- Durable work: a job is a flow under way. crates/jobs owns these tables in every service that has them.
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    tenant BLOB NOT NULL,
    -- The flow, and the name of the step that runs next.
    kind TEXT NOT NULL,
    step TEXT NOT NULL,
    -- What it works on. Jobs of one subject run one after another, in the order of seq.
    subject TEXT NOT NULL,
    batch BLOB,
    -- Start-time fair queuing: the order in which jobs of several tenants are taken.
    fair INTEGER NOT NULL,
    -- queued (never begun), running (leased), waiting, then done, failed or cancelled.
    state TEXT NOT NULL,
    -- Asked to stop at the next step boundary.
    stop INTEGER NOT NULL,
    -- How often the present step has been begun, and since when it is the present one.
    attempt INTEGER NOT NULL,
    step_since TEXT NOT NULL,
    run_at TEXT NOT NULL,
    -- What it waits its turn for.
    lane TEXT,
    lease BLOB,
    lease_until TEXT,
    owner TEXT,
    -- What was asked (never changes), what the flow has learned, what it warns of.
    input TEXT NOT NULL,
    memo TEXT NOT NULL,
    warnings TEXT NOT NULL,
    -- The caller's token, encrypted; overwritten at the end.
    secret BLOB,
    reason TEXT,
    request_id TEXT NOT NULL,
    traceparent TEXT,
    created TEXT NOT NULL,
    started TEXT,
    ended TEXT
) STRICT;
CREATE INDEX jobs_open ON jobs (fair, seq) WHERE ended IS NULL;
CREATE INDEX jobs_open_subject ON jobs (subject, seq) WHERE ended IS NULL;
CREATE INDEX jobs_open_tenant ON jobs (tenant, fair) WHERE ended IS NULL;
CREATE INDEX jobs_lane ON jobs (lane, fair, seq) WHERE lane IS NOT NULL;
CREATE INDEX jobs_subject ON jobs (subject, seq);
CREATE INDEX jobs_batch ON jobs (batch) WHERE batch IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (ended) WHERE ended IS NOT NULL;

-- One row for each step that has ended.
CREATE TABLE job_steps (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job BLOB NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    step TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    started TEXT NOT NULL,
    ended TEXT NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
CREATE INDEX job_steps_job ON job_steps (job, seq);

-- Who has a turn in a lane: at most as many as there are slots.
CREATE TABLE turns (
    lane TEXT NOT NULL,
    slot INTEGER NOT NULL,
    job BLOB NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    PRIMARY KEY (lane, slot)
) STRICT;
CREATE INDEX turns_job ON turns (job);
