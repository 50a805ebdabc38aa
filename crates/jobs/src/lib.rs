//! mecm-jobs
