-- Durable work: a job is a flow under way. crates/jobs owns these tables in every service that has them.
CREATE TABLE jobs (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    tenant uuid NOT NULL,
    -- The flow, and the name of the step that runs next.
    kind text NOT NULL,
    step text NOT NULL,
    -- What it works on. Jobs of one subject run one after another, in the order of seq.
    subject text NOT NULL,
    batch uuid,
    -- Start-time fair queuing: the order in which jobs of several tenants are taken.
    fair bigint NOT NULL,
    -- queued (never begun), running (leased), waiting, then done, failed or cancelled.
    state text NOT NULL,
    -- Asked to stop at the next step boundary.
    stop boolean NOT NULL,
    -- How often the present step has been begun, and since when it is the present one.
    attempt integer NOT NULL,
    step_since timestamptz NOT NULL,
    run_at timestamptz NOT NULL,
    -- What it waits its turn for.
    lane text,
    lease uuid,
    lease_until timestamptz,
    owner text,
    -- What was asked (never changes), what the flow has learned, what it warns of.
    input jsonb NOT NULL,
    memo jsonb NOT NULL,
    warnings jsonb NOT NULL,
    -- The caller's token, encrypted; overwritten at the end.
    secret bytea,
    reason text,
    request_id text NOT NULL,
    traceparent text,
    created timestamptz NOT NULL,
    started timestamptz,
    ended timestamptz
);
CREATE INDEX jobs_open ON jobs (fair, seq) WHERE ended IS NULL;
CREATE INDEX jobs_open_subject ON jobs (subject, seq) WHERE ended IS NULL;
CREATE INDEX jobs_open_tenant ON jobs (tenant, fair) WHERE ended IS NULL;
CREATE INDEX jobs_lane ON jobs (lane, fair, seq) WHERE lane IS NOT NULL;
CREATE INDEX jobs_subject ON jobs (subject, seq);
CREATE INDEX jobs_batch ON jobs (batch) WHERE batch IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (ended) WHERE ended IS NOT NULL;

-- One row for each step that has ended.
CREATE TABLE job_steps (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    step text NOT NULL,
    attempts integer NOT NULL,
    started timestamptz NOT NULL,
    ended timestamptz NOT NULL,
    outcome text NOT NULL
);
CREATE INDEX job_steps_job ON job_steps (job, seq);

-- Who has a turn in a lane: at most as many as there are slots.
CREATE TABLE turns (
    lane text NOT NULL,
    slot integer NOT NULL,
    job uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    PRIMARY KEY (lane, slot)
);
CREATE INDEX turns_job ON turns (job);
