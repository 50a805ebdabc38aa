//! The controller's Kubernetes plugin, as far as its limits show through.

use tokio::time::Instant;

/// What the plugin answers beyond its limit of calls.
pub(crate) const REFUSED_STREAM: &str =
    "rpc error: code = Unavailable desc = stream terminated by RST_STREAM with error code: REFUSED_STREAM";

/// The plugin: its deployments under way and its allowance of calls.
#[derive(Debug, Default)]
pub(crate) struct Plugin {
    runs: Vec<Run>,
    next: u64,
    allowance: Option<(Instant, f64)>,
}

#[derive(Debug)]
struct Run {
    id: u64,
    instance: String,
    spoiled: bool,
}

impl Plugin {
    /// Takes a call or refuses it: a burst, then one a second.
    pub(crate) fn takes_call(&mut self, burst: u32) -> bool {
        let now = Instant::now();
        let burst = f64::from(burst);
        let left = match self.allowance {
            Some((at, left)) => (left + now.duration_since(at).as_secs_f64()).min(burst),
            None => burst,
        };
        let taken = left >= 1.0;
        self.allowance = Some((now, if taken { left - 1.0 } else { left }));
        taken
    }

    /// Begins a deployment. Says how many are in the plugin now, this one included: with more than one, all of them
    /// are spoiled.
    pub(crate) fn begin(&mut self, instance: &str) -> (u64, usize) {
        self.next += 1;
        self.runs.push(Run {
            id: self.next,
            instance: instance.to_owned(),
            spoiled: false,
        });
        if self.runs.len() > 1 {
            self.runs.iter_mut().for_each(|run| run.spoiled = true);
        }
        (self.next, self.runs.len())
    }

    /// Ends a deployment. Says whether another one used the plugin's one temporary file in the meantime.
    pub(crate) fn end(&mut self, id: u64) -> bool {
        let at = self.runs.iter().position(|run| run.id == id);
        at.is_none_or(|at| self.runs.swap_remove(at).spoiled)
    }

    /// Whether this instance is being deployed.
    pub(crate) fn deploys(&self, instance: &str) -> bool {
        self.runs.iter().any(|run| run.instance == instance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_deployments_at_once_spoil_each_other() {
        let mut plugin = Plugin::default();
        let (first, _) = plugin.begin("a");
        let (second, at_once) = plugin.begin("b");
        assert_eq!(at_once, 2);
        assert!(plugin.end(second));
        let (third, at_once) = plugin.begin("c");
        assert_eq!(at_once, 2);
        assert!(plugin.end(first));
        assert!(plugin.end(third));
        let (fourth, at_once) = plugin.begin("d");
        assert_eq!(at_once, 1);
        assert!(!plugin.end(fourth));
    }

    #[test]
    fn the_allowance_is_a_burst() {
        let mut plugin = Plugin::default();
        assert_eq!((0..5).filter(|_| plugin.takes_call(3)).count(), 3);
    }
}
