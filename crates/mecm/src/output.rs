//! What the command line writes: results to standard output, everything else to standard error.

use std::io::{self, Write};

/// A line of a result.
///
/// # Errors
/// When standard output is closed.
pub fn result(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")
}

/// A line of talk.
pub fn say(text: &str) {
    // Nobody reads it where standard error is closed.
    drop(writeln!(io::stderr().lock(), "{text}"));
}
