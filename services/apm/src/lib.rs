//! mecm-apm
