//! mecm-edge-sim
