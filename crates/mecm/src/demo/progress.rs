//! How far a batch is: a bar where somebody watches, a line at the end where nobody does.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on standard error.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(what: &str, all: usize) -> Self {
        let bar = ProgressBar::new(all as u64);
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style =
            ProgressStyle::with_template("           {prefix} [{bar:30}] {pos}/{len} {msg} {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(what.to_owned());
        Self(bar)
    }

    pub(super) fn at(&self, done: usize, failed: usize, running: usize) {
        self.0.set_position((done + failed) as u64);
        self.0
            .set_message(format!("{done} done, {failed} failed, {running} running,"));
    }

    pub(super) fn end(self) {
        self.0.finish_and_clear();
    }
}
