//! mecm-common
