//! What nobody needs any more goes: finished rule tasks after a day, batches when their operations' history has gone,
//! packages that nothing has used for a week.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use mecm_common::db::DbError;
use tokio_util::sync::CancellationToken;

use crate::core::Core;
use crate::store::{batches, rule_tasks};

/// How often.
const EVERY: Duration = Duration::from_secs(600);
/// How long a finished rule task can be read.
const TASKS: TimeDelta = TimeDelta::hours(24);
/// A batch is kept at least so long; then as long as one of its operations.
const BATCHES: TimeDelta = TimeDelta::days(7);

/// Runs until `stop`.
pub(crate) async fn run(core: Arc<Core>, stop: CancellationToken) {
    loop {
        if let Err(error) = sweep(&core).await {
            tracing::warn!(%error, "old records could not be swept");
        }
        let packages = core.packages.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || packages.sweep()).await {
            tracing::warn!(%error, "unused packages could not be swept");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn sweep(core: &Core) -> Result<(), DbError> {
    let now = core.clock.now();
    let mut tx = core.db.begin_write().await?;
    rule_tasks::sweep(&mut tx, now - TASKS).await?;
    batches::sweep(&mut tx, now - BATCHES).await?;
    tx.commit().await
}
