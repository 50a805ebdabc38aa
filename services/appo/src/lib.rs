//! mecm-appo
