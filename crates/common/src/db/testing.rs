//! Databases for tests and measurements, made in a moment and gone with their guard. Compiled always so that every crate's tests share it;
//! nothing in production calls it.
//!
//! SQLite needs nothing. When `MECM_TEST_POSTGRES` names a PostgreSQL server, every test runs there too, in a schema of
//! its own.

use std::path::PathBuf;

use super::{DatabaseUrl, Db, Migrations};

/// The environment variable that names the PostgreSQL server for tests.
pub const POSTGRES_VARIABLE: &str = "MECM_TEST_POSTGRES";

/// A database of one test's own.
#[derive(Debug)]
pub struct TestDb {
    /// The open database.
    pub db: Db,
    /// Where it is, for opening it again.
    pub url: DatabaseUrl,
    /// The same as text, for a configuration.
    pub url_text: String,
    _guard: Guard,
}

/// What a database is made of; dropped, the database is gone.
#[derive(Debug)]
pub enum Guard {
    /// The folder of an SQLite file.
    Folder(Scratch),
    /// A schema on the PostgreSQL server that tests use.
    Schema(Schema),
}

/// A schema that is removed when the test ends.
#[derive(Debug)]
pub struct Schema {
    server: String,
    name: String,
}

impl Drop for Schema {
    fn drop(&mut self) {
        // In a thread with a runtime of its own: a test's runtime cannot be waited in. What cannot be removed, because a
        // connection of the test still works in it, stays on the server for tests: no reason to fail a test.
        let (server, name) = (std::mem::take(&mut self.server), std::mem::take(&mut self.name));
        let remover = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.is_ok_and(|runtime| runtime.block_on(drop_schema(&server, &name)).is_ok())
        });
        drop(remover.join());
    }
}

async fn drop_schema(server: &str, name: &str) -> Result<(), sqlx::Error> {
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(server).await?;
    for statement in [
        "SET lock_timeout = '2s'".to_owned(),
        // Not a word about everything that goes with it.
        "SET client_min_messages = warning".to_owned(),
        format!("DROP SCHEMA {name} CASCADE"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
    }
    sqlx::Connection::close(connection).await
}

/// A folder that is removed when the test ends.
#[derive(Debug)]
pub struct Scratch(pub PathBuf);

impl Scratch {
    /// Makes an empty folder under the system's temporary folder.
    pub fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("mecm-test-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's temporary folder: no reason to fail a test.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Which databases tests run on here: `sqlite`, and `postgres` where a server is named.
pub fn kinds() -> Vec<&'static str> {
    if std::env::var_os(POSTGRES_VARIABLE).is_some() {
        vec!["sqlite", "postgres"]
    } else {
        vec!["sqlite"]
    }
}

/// The address of a fresh, empty database of the given kind, and what to keep until the test ends.
pub async fn fresh_url(kind: &str) -> Result<(String, Guard), Box<dyn std::error::Error + Send + Sync>> {
    if kind == "sqlite" {
        let folder = Scratch::new()?;
        let url = format!("sqlite:{}", folder.0.join("test.db").display());
        return Ok((url, Guard::Folder(folder)));
    }
    let server = std::env::var(POSTGRES_VARIABLE)?;
    let schema = format!("test_{}", uuid::Uuid::new_v4().simple());
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&server).await?;
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
        .execute(&mut connection)
        .await?;
    sqlx::Connection::close(connection).await?;
    let separator = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{separator}options=-csearch_path%3D{schema}");
    let guard = Guard::Schema(Schema { server, name: schema });
    Ok((url, guard))
}

/// What database of this kind there is: its version, and what of its settings decides how fast it is. And for a server, the
/// folder of its data.
pub async fn describe(
    kind: &str,
) -> Result<(String, Option<PathBuf>), Box<dyn std::error::Error + Send + Sync>> {
    if kind == "sqlite" {
        let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect("sqlite::memory:").await?;
        let version: String = sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(&mut connection)
            .await?;
        return Ok((format!("SQLite {version}, WAL, synchronous full"), None));
    }
    let server = std::env::var(POSTGRES_VARIABLE)?;
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&server).await?;
    let (version, fsync, commit, folder): (String, String, String, String) = sqlx::query_as(
        "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'),
         current_setting('data_directory')",
    )
    .fetch_one(&mut connection)
    .await?;
    sqlx::Connection::close(connection).await?;
    let told = format!("PostgreSQL {version}, fsync {fsync}, synchronous_commit {commit}");
    Ok((told, Some(folder.into())))
}

impl TestDb {
    /// A fresh, migrated database of the given kind.
    pub async fn open(
        kind: &str,
        migrations: &Migrations,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let (url_text, guard) = fresh_url(kind).await?;
        let url: DatabaseUrl = url_text.parse()?;
        let db = Db::open(&url, migrations, 4).await?;
        Ok(Self {
            db,
            url,
            url_text,
            _guard: guard,
        })
    }

    /// One fresh, migrated database of every kind there is here.
    pub async fn all(migrations: &Migrations) -> Vec<Self> {
        let mut all = Vec::new();
        for kind in kinds() {
            all.push(Self::open(kind, migrations).await.expect("a test database opens"));
        }
        all
    }
}
