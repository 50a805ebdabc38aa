//! mecm-csar
