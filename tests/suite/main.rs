//! The whole suite, in one test binary.

fn main() {}
