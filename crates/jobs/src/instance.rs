//! Who this process is: an id that it holds exclusively, so that after its own restart it may take its leases back at
//! once instead of waiting for them to expire.

use std::path::Path;
use std::time::Duration;

use mecm_common::db::{Db, DbError};
use sqlx::Connection;
use uuid::Uuid;

/// How often and how far apart the kept id is tried: the session of a process that has just died lives on for a moment, until the
/// server has seen its connection end.
const TRIES: u32 = 20;
const APART: Duration = Duration::from_millis(100);

/// A process's identity among those that share a database.
#[derive(Debug)]
pub(crate) struct Instance {
    /// What stands in the owner column.
    pub(crate) id: String,
    /// On PostgreSQL: the session whose advisory lock makes the id exclusive. It lives as long as the process.
    _session: Option<sqlx::PgConnection>,
}

impl Instance {
    /// Takes the id kept in `file`; where another process holds that one, a fresh one. On SQLite the database file's
    /// own lock already keeps others out.
    pub(crate) async fn take(db: &Db, file: &Path) -> Result<Self, DbError> {
        let Db::Postgres(pool) = db else {
            return Ok(Self {
                id: "local".to_owned(),
                _session: None,
            });
        };
        let kept = std::fs::read_to_string(file)
            .ok()
            .and_then(|text| text.trim().parse::<Uuid>().ok());
        let mut session = pool.acquire().await?.detach();
        for id in kept
            .into_iter()
            .chain(std::iter::repeat_with(Uuid::new_v4).take(3))
        {
            let mut locked = lock(&mut session, id).await?;
            let mut tried = 1;
            while !locked && kept == Some(id) && tried < TRIES {
                tokio::time::sleep(APART).await;
                locked = lock(&mut session, id).await?;
                tried += 1;
            }
            if locked {
                if kept != Some(id) {
                    // A read-only folder costs no more than the wait for a lease after a restart.
                    drop(std::fs::write(file, id.to_string()));
                }
                return Ok(Self {
                    id: id.to_string(),
                    _session: Some(session),
                });
            }
        }
        session.close().await?;
        Err(DbError::Inconsistent("no instance id could be locked".to_owned()))
    }
}

async fn lock(session: &mut sqlx::PgConnection, id: Uuid) -> Result<bool, DbError> {
    // The lock's key is 64 bits of the id.
    let key = i64::from_be_bytes(id.as_bytes()[..8].try_into().expect("a UUID has 16 bytes"));
    let (locked,): (bool,) = sqlx::query_as("SELECT pg_try_advisory_lock($1)")
        .bind(key)
        .fetch_one(session)
        .await?;
    Ok(locked)
}
