//! The `Authorization` header: whatever stands in it.
#![no_main]

use mecm_common::auth::signature::fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::authorization(data));
