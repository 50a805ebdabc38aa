//! The canonical forms of a request: method, path, query and headers, a line each.
#![no_main]

use mecm_common::auth::signature::fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::canonical(data));
