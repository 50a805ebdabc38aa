//! What can go wrong in the database, by what the caller can do about it.

/// A failed database call. `Display` says what to do next; the driver's own words are the source.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A row with this key is there already.
    #[error("a record with this key is there already")]
    Duplicate(#[source] sqlx::Error),
    /// The disk is full; nothing was written.
    #[error("no room left on the database's disk; free some and try again")]
    Full(#[source] sqlx::Error),
    /// The database does not answer, or all connections are in use for too long.
    #[error("the database does not answer; check that it runs and can be reached")]
    Unavailable(#[source] sqlx::Error),
    /// Another transaction was in the way; the same again may work.
    #[error("another transaction was in the way; try again")]
    Conflict(#[source] sqlx::Error),
    /// A row does not hold what it must; the text says which and what.
    #[error("inconsistent record: {0}")]
    Inconsistent(String),
    /// The schema is not one this version can work on.
    #[error("the database schema cannot be used: {0}")]
    Schema(String),
    /// The file is in use by another process.
    #[error("{0} is in use by another process; stop that one, or give each its own data folder")]
    Locked(String),
    /// The address of the database cannot be read.
    #[error("the database address is not usable: {0}")]
    Address(String),
    /// Anything else.
    #[error("the database refused a statement")]
    Other(#[source] sqlx::Error),
}

/// SQLite's primary result code for a full disk.
const SQLITE_FULL: i32 = 13;
/// SQLite's primary result codes for a file that cannot be opened, read or written.
const SQLITE_GONE: [i32; 2] = [10, 14];

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let Some(db) = error.as_database_error() else {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::Protocol(_)
                | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
                other => Self::Other(other),
            };
        };
        if db.is_unique_violation() {
            return Self::Duplicate(error);
        }
        let code = db.code().unwrap_or_default().into_owned();
        if let Ok(number) = code.parse::<i32>()
            && db.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some()
        {
            // The low byte is the primary code; the rest refines it.
            return match number & 0xff {
                SQLITE_FULL => Self::Full(error),
                5 | 6 => Self::Conflict(error),
                primary if SQLITE_GONE.contains(&primary) => Self::Unavailable(error),
                _ => Self::Other(error),
            };
        }
        match code.as_str() {
            "53100" => Self::Full(error),
            "40001" | "40P01" | "55P03" => Self::Conflict(error),
            // Connection exceptions, too many connections, shut-down, start-up, read-only stand-by.
            code if code.starts_with("08") || code.starts_with("57P") => Self::Unavailable(error),
            // It lets nobody in: not us, or nobody at all; or it is not there.
            code if code.starts_with("28") || code == "55000" || code == "3D000" => Self::Unavailable(error),
            // Too many connections, read-only, cut off because it took too long.
            "53300" | "25006" | "57014" => Self::Unavailable(error),
            _ => Self::Other(error),
        }
    }
}

impl DbError {
    /// Whether the same call may work later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Conflict(_) | Self::Full(_))
    }

    /// Whether a row with this key was there already.
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Duplicate(_))
    }
}
