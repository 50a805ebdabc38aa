//! The database: an enum of two typed pools, so that one SQL text and one Rust body serve both with native types.
//!
//! A store function takes `&mut Tx`, or `&mut Read` where a read needs no other statement beside it. It runs one statement
//! through [`on_db!`](crate::on_db) or one of the four short forms ([`execute!`](crate::execute),
//! [`fetch_all!`](crate::fetch_all), [`fetch_optional!`](crate::fetch_optional), [`fetch_one!`](crate::fetch_one)) and returns
//! [`DbError`]. `$1` works on both; nothing like `now()` is used: times are bound.
//! Never wait for the network while a transaction is open.

mod batch;
mod connect;
mod error;
pub mod testing;

pub use batch::Batcher;
pub use connect::{DatabaseUrl, Migrations};
pub use error::DbError;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// An open database. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Db {
    /// PostgreSQL 12 or newer; any number of processes.
    Postgres(sqlx::PgPool),
    /// One SQLite file, one process.
    Sqlite(SqliteDb),
}

/// SQLite has one writer: writes go through a pool of one connection, so that they queue in order instead of failing busy;
/// reads have their own connections and never wait for a writer (WAL).
#[derive(Clone, Debug)]
pub struct SqliteDb {
    write: sqlx::SqlitePool,
    read: sqlx::SqlitePool,
    /// Held for the life of the pool: a second process on the same file is refused.
    _lock: Arc<std::fs::File>,
}

/// An open transaction; dropped without [`Tx::commit`] it is rolled back.
#[derive(Debug)]
pub enum Tx {
    /// On PostgreSQL; READ COMMITTED where it writes.
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
    /// On SQLite; a writing one began with `BEGIN IMMEDIATE`.
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
}

/// A connection for statements that read and stand each for itself: without the two round trips that begin and end a
/// transaction. What needs several from one moment takes [`Db::begin_read`].
#[derive(Debug)]
pub enum Read {
    /// On PostgreSQL.
    Postgres(sqlx::pool::PoolConnection<sqlx::Postgres>),
    /// On SQLite, which reads beside a writer.
    Sqlite(sqlx::pool::PoolConnection<sqlx::Sqlite>),
}

/// The typed connection of a [`Tx`] or a [`Read`], for [`on_db!`](crate::on_db).
#[derive(Debug)]
pub enum Typed<'a> {
    /// On PostgreSQL.
    Postgres(&'a mut sqlx::PgConnection),
    /// On SQLite.
    Sqlite(&'a mut sqlx::SqliteConnection),
}

/// How long PostgreSQL may work at one statement. None of ours takes a second.
const STATEMENT_TIME: Duration = Duration::from_secs(30);

/// Waits for the database, a little longer than it may work: one that went silent, behind a dead link for example, is one
/// that does not answer. What a commit that was waited for in vain has done is not known, as when the connection breaks.
///
/// # Errors
/// [`DbError`].
pub async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, DbError> {
    within(STATEMENT_TIME + Duration::from_secs(5), work).await
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, DbError> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(DbError::Unavailable(sqlx::Error::Io(
            std::io::ErrorKind::TimedOut.into(),
        ))),
    }
}

/// Keeps other transactions that ask for the same lock waiting until this one ends, in all processes. `kind` says what is
/// locked, and no other use of the database has it; `key` which one of them: those that share a key only wait for each other. On
/// SQLite a writing transaction is the only one anyway.
///
/// # Errors
/// [`DbError`].
pub async fn advisory_lock(tx: &mut Tx, kind: i32, key: u32) -> Result<(), DbError> {
    if let Tx::Postgres(tx) = tx {
        let lock = sqlx::query("SELECT pg_advisory_xact_lock($1, $2)")
            .bind(kind)
            .bind(key.cast_signed());
        in_time(lock.execute(&mut **tx)).await?;
    }
    Ok(())
}

impl Db {
    // Boxed, here and below: waiting for a connection has the room in it that opening one takes, 4 to 12 KiB of futures with a
    // TLS handshake among them, and whoever asks would carry that through every layer of its request.

    /// A connection for a read of one statement.
    pub async fn read(&self) -> Result<Read, DbError> {
        match self {
            Self::Postgres(pool) => Ok(Read::Postgres(Box::pin(pool.acquire()).await?)),
            Self::Sqlite(db) => Ok(Read::Sqlite(Box::pin(db.read.acquire()).await?)),
        }
    }

    /// Begins a transaction that only reads, all of its statements from one moment: what one of them found is not gone for
    /// the next.
    pub async fn begin_read(&self) -> Result<Tx, DbError> {
        const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        match self {
            Self::Postgres(pool) => Ok(Tx::Postgres(in_time(Box::pin(pool.begin_with(SNAPSHOT))).await?)),
            Self::Sqlite(db) => Ok(Tx::Sqlite(in_time(Box::pin(db.read.begin())).await?)),
        }
    }

    /// Begins a transaction that writes. On SQLite it is the only one until it ends, so keep it short.
    pub async fn begin_write(&self) -> Result<Tx, DbError> {
        match self {
            Self::Postgres(pool) => Ok(Tx::Postgres(in_time(Box::pin(pool.begin())).await?)),
            Self::Sqlite(db) => {
                let began = Box::pin(db.write.begin_with("BEGIN IMMEDIATE"));
                Ok(Tx::Sqlite(in_time(began).await?))
            }
        }
    }

    /// Whether the database answers; for readiness.
    pub async fn ping(&self) -> Result<(), DbError> {
        let mut read = self.read().await?;
        let _one: (i32,) = crate::fetch_one!(&mut read, "SELECT 1");
        Ok(())
    }

    /// Whether this is SQLite: one process, no concurrent claims.
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Closes all connections. SQLite folds its write-ahead log into the file.
    pub async fn close(&self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite(db) => {
                db.read.close().await;
                db.write.close().await;
            }
        }
    }
}

impl Tx {
    /// Makes everything done in the transaction last.
    pub async fn commit(self) -> Result<(), DbError> {
        match self {
            Self::Postgres(tx) => in_time(tx.commit()).await?,
            Self::Sqlite(tx) => in_time(tx.commit()).await?,
        }
        Ok(())
    }

    /// Undoes everything done in the transaction.
    pub async fn rollback(self) -> Result<(), DbError> {
        match self {
            Self::Postgres(tx) => in_time(tx.rollback()).await?,
            Self::Sqlite(tx) => in_time(tx.rollback()).await?,
        }
        Ok(())
    }

    /// Picks the text for this database, where the dialects differ.
    pub fn pick(&self, postgres: &'static str, sqlite: &'static str) -> &'static str {
        match self {
            Self::Postgres(_) => postgres,
            Self::Sqlite(_) => sqlite,
        }
    }

    /// Its connection, for one statement.
    pub fn typed(&mut self) -> Typed<'_> {
        match self {
            Self::Postgres(tx) => Typed::Postgres(&mut *tx),
            Self::Sqlite(tx) => Typed::Sqlite(&mut *tx),
        }
    }
}

impl Read {
    /// Picks the text for this database, where the dialects differ.
    pub fn pick(&self, postgres: &'static str, sqlite: &'static str) -> &'static str {
        match self {
            Self::Postgres(_) => postgres,
            Self::Sqlite(_) => sqlite,
        }
    }

    /// Its connection, for one statement.
    pub fn typed(&mut self) -> Typed<'_> {
        match self {
            Self::Postgres(connection) => Typed::Postgres(&mut *connection),
            Self::Sqlite(connection) => Typed::Sqlite(&mut *connection),
        }
    }
}

/// Runs `body` with `conn` being the typed connection of the [`Tx`] or [`Read`]: the same code for either database.
#[macro_export]
macro_rules! on_db {
    ($tx:expr, $conn:ident => $body:expr) => {
        match ($tx).typed() {
            $crate::db::Typed::Postgres($conn) => $body,
            $crate::db::Typed::Sqlite($conn) => $body,
        }
    };
}

/// Runs a statement with its binds and gives the number of rows it changed; `?` on [`DbError`] inside.
#[macro_export]
macro_rules! execute {
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::on_db!($tx, conn =>
            $crate::db::in_time(sqlx::query($sql)$(.bind($bind))*.execute(conn)).await?.rows_affected())
    };
}

/// Runs a query with its binds and gives all rows as the type the context wants; `?` on [`DbError`] inside.
#[macro_export]
macro_rules! fetch_all {
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::on_db!($tx, conn =>
            $crate::db::in_time(sqlx::query_as($sql)$(.bind($bind))*.fetch_all(conn)).await?)
    };
}

/// Runs a query with its binds and gives the row or none; `?` on [`DbError`] inside.
#[macro_export]
macro_rules! fetch_optional {
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::on_db!($tx, conn =>
            $crate::db::in_time(sqlx::query_as($sql)$(.bind($bind))*.fetch_optional(conn)).await?)
    };
}

/// Runs a query with its binds that always gives one row; `?` on [`DbError`] inside.
#[macro_export]
macro_rules! fetch_one {
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::on_db!($tx, conn =>
            $crate::db::in_time(sqlx::query_as($sql)$(.bind($bind))*.fetch_one(conn)).await?)
    };
}

#[cfg(test)]
mod tests;
