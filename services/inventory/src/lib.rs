//! mecm-inventory
