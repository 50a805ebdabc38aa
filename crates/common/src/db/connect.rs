//! Opening a database and bringing its schema up to date.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::{Db, DbError, STATEMENT_TIME, SqliteDb, within};

/// A service's migrations: the same numbers and names for both databases.
#[derive(Debug)]
pub struct Migrations {
    /// For PostgreSQL.
    pub postgres: Migrator,
    /// For SQLite.
    pub sqlite: Migrator,
}

/// Where the database is. Parsed from `sqlite:PATH` or `postgres://…`; never printed, it may carry a password.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A PostgreSQL server.
    Postgres(Box<PgConnectOptions>),
    /// A SQLite file.
    Sqlite(PathBuf),
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Postgres(options) => {
                write!(
                    f,
                    "postgres://{}:{}/{}",
                    options.get_host(),
                    options.get_port(),
                    options.get_database().unwrap_or("")
                )
            }
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = DbError;

    fn from_str(text: &str) -> Result<Self, DbError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err(DbError::Address("sqlite: wants the path of a file".to_owned()));
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            // The parser's own error may quote the password: it is not passed on.
            let options = PgConnectOptions::from_str(text).map_err(|_| {
                DbError::Address("postgres://user:password@host:port/database is the form".to_owned())
            })?;
            return Ok(Self::Postgres(Box::new(options)));
        }
        Err(DbError::Address(
            "it must begin with sqlite: or postgres://".to_owned(),
        ))
    }
}

/// How long a caller waits for a free connection before it is told that the database does not answer.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// Pages that a SQLite reader keeps: negative, in KiB. The default of 2 MiB, times eight readers, times three services, was more
/// than all else they hold.
const READER_CACHE: &str = "-512";
/// How long SQLite waits for a lock held from outside (a back-up, for example).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl Db {
    /// Opens the database and migrates it. Refuses a schema that a newer version made or somebody edited.
    ///
    /// `connections` bounds the PostgreSQL pool and the number of SQLite readers.
    pub async fn open(url: &DatabaseUrl, migrations: &Migrations, connections: u32) -> Result<Self, DbError> {
        let db = match url {
            DatabaseUrl::Postgres(options) => {
                // A pool would try a server that is not there again and again: one connection tells at once. And a migration
                // may take longer than other statements.
                let mut first = within(ACQUIRE_TIMEOUT, options.connect()).await?;
                migrations
                    .postgres
                    .run_direct(None, &mut first, false)
                    .await
                    .map_err(schema)?;
                first.close().await?;
                let limit = format!("{}s", STATEMENT_TIME.as_secs());
                let options = options.as_ref().clone().options([("statement_timeout", limit)]);
                let pool = PgPoolOptions::new()
                    .max_connections(connections.max(2))
                    .acquire_timeout(ACQUIRE_TIMEOUT)
                    .test_before_acquire(false)
                    .connect_with(options)
                    .await?;
                Self::Postgres(pool)
            }
            DatabaseUrl::Sqlite(path) => {
                let db = open_sqlite(path, connections).await?;
                migrations.sqlite.run(&db.write).await.map_err(schema)?;
                Self::Sqlite(db)
            }
        };
        Ok(db)
    }
}

async fn open_sqlite(path: &Path, connections: u32) -> Result<SqliteDb, DbError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| DbError::Address(format!("cannot make {}: {error}", folder.display())))?;
    }
    let lock = lock_file(path)?;
    own_file(path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        // A 202 survives a power cut.
        .synchronous(SqliteSynchronous::Full);
    let pool = |size: u32| {
        SqlitePoolOptions::new()
            .max_connections(size)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    // The writer connects first: it makes the file and switches it to WAL.
    let write = pool(1).connect_with(options.clone()).await?;
    // Each reader has a cache of its own, and what it would hold lies in the system's already.
    let reading = options.pragma("cache_size", READER_CACHE);
    let read = pool(connections.clamp(1, 8)).connect_with(reading).await?;
    Ok(SqliteDb {
        write,
        read,
        _lock: Arc::new(lock),
    })
}

/// Opens a file for writing, and makes it if need be: for its owner alone, because sealed secrets are in there. SQLite gives
/// the files that it makes beside a database the database's own mode.
fn own_file(path: &Path) -> Result<std::fs::File, DbError> {
    std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| DbError::Address(format!("cannot open {}: {error}", path.display())))
}

/// One process per file: an exclusive lock on `<file>.lock` says so, and goes with the process however that ends.
fn lock_file(path: &Path) -> Result<std::fs::File, DbError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = own_file(Path::new(&name))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(DbError::Locked(path.display().to_string())),
        Err(std::fs::TryLockError::Error(error)) => Err(DbError::Address(format!(
            "cannot lock {}: {error}",
            path.display()
        ))),
    }
}

fn schema(error: MigrateError) -> DbError {
    match error {
        MigrateError::VersionMissing(number) => DbError::Schema(format!(
            "migration {number} is not known to this version; a newer version has used this database: run that one"
        )),
        MigrateError::VersionMismatch(number) => DbError::Schema(format!(
            "migration {number} is not the one that was applied; restore the released file or the database's back-up"
        )),
        MigrateError::Execute(error) => DbError::from(error),
        other => DbError::Schema(other.to_string()),
    }
}
