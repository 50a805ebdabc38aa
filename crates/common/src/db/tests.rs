use sqlx::migrate::Migrator;

use super::testing::{TestDb, fresh_url, kinds};
use super::*;

/// One table, made by hand: this crate has no migrations of its own.
async fn database(kind: &str) -> TestDb {
    let none = || Migrator { ..Migrator::DEFAULT };
    let test = TestDb::open(
        kind,
        &Migrations {
            postgres: none(),
            sqlite: none(),
        },
    )
    .await
    .unwrap();
    let mut tx = test.db.begin_write().await.unwrap();
    make(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    test
}

async fn make(tx: &mut Tx) -> Result<(), DbError> {
    execute!(
        tx,
        "CREATE TABLE things (name TEXT PRIMARY KEY, n BIGINT NOT NULL)"
    );
    Ok(())
}

async fn add(tx: &mut Tx, name: &str, n: i64) -> Result<u64, DbError> {
    Ok(execute!(
        tx,
        "INSERT INTO things (name, n) VALUES ($1, $2)",
        name,
        n
    ))
}

async fn read(tx: &mut Tx, name: &str) -> Result<Option<(i64,)>, DbError> {
    Ok(fetch_optional!(tx, "SELECT n FROM things WHERE name = $1", name))
}

/// What a name stands for, without a transaction around it.
async fn look_up(read: &mut Read, name: &str) -> Result<Option<(i64,)>, DbError> {
    Ok(fetch_optional!(
        read,
        "SELECT n FROM things WHERE name = $1",
        name
    ))
}

#[tokio::test]
async fn a_read_alone_sees_what_was_committed_before_each_statement() {
    for kind in kinds() {
        let test = database(kind).await;
        let mut alone = test.db.read().await.unwrap();
        assert_eq!(look_up(&mut alone, "new").await.unwrap(), None, "{kind}");
        let mut tx = test.db.begin_write().await.unwrap();
        add(&mut tx, "new", 7).await.unwrap();
        assert_eq!(look_up(&mut alone, "new").await.unwrap(), None, "{kind}");
        tx.commit().await.unwrap();
        // A transaction that only reads would still be at its first moment.
        assert_eq!(look_up(&mut alone, "new").await.unwrap(), Some((7,)), "{kind}");
        let picked = alone.pick("postgres", "sqlite");
        assert_eq!(picked, kind);
    }
}

#[tokio::test]
async fn what_is_committed_is_read_and_what_is_dropped_is_not() {
    for kind in kinds() {
        let test = database(kind).await;
        let mut tx = test.db.begin_write().await.unwrap();
        assert_eq!(add(&mut tx, "kept", 1).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let mut tx = test.db.begin_write().await.unwrap();
        add(&mut tx, "dropped", 2).await.unwrap();
        drop(tx);
        let mut tx = test.db.begin_read().await.unwrap();
        assert_eq!(read(&mut tx, "kept").await.unwrap(), Some((1,)), "{kind}");
        assert_eq!(read(&mut tx, "dropped").await.unwrap(), None, "{kind}");
    }
}

#[tokio::test]
async fn all_that_one_transaction_reads_is_of_one_moment() {
    for kind in kinds() {
        let test = database(kind).await;
        let mut reader = test.db.begin_read().await.unwrap();
        assert_eq!(read(&mut reader, "new").await.unwrap(), None, "{kind}");
        let mut writer = test.db.begin_write().await.unwrap();
        add(&mut writer, "new", 1).await.unwrap();
        writer.commit().await.unwrap();
        assert_eq!(read(&mut reader, "new").await.unwrap(), None, "{kind}");
        let mut later = test.db.begin_read().await.unwrap();
        assert_eq!(read(&mut later, "new").await.unwrap(), Some((1,)), "{kind}");
    }
}

#[tokio::test]
async fn a_second_row_of_one_key_is_a_duplicate_on_both() {
    for kind in kinds() {
        let test = database(kind).await;
        let mut tx = test.db.begin_write().await.unwrap();
        add(&mut tx, "one", 1).await.unwrap();
        assert!(add(&mut tx, "one", 2).await.unwrap_err().is_duplicate(), "{kind}");
    }
}

#[tokio::test]
async fn writers_queue_and_none_fails() {
    for kind in kinds() {
        let test = database(kind).await;
        let tasks = (0..16).map(|n| {
            let db = test.db.clone();
            tokio::spawn(async move {
                let mut tx = db.begin_write().await?;
                add(&mut tx, &format!("w{n}"), n).await?;
                tx.commit().await
            })
        });
        for done in futures::future::join_all(tasks).await {
            done.unwrap().unwrap();
        }
        let mut tx = test.db.begin_read().await.unwrap();
        assert_eq!(read(&mut tx, "w15").await.unwrap(), Some((15,)), "{kind}");
    }
}

#[tokio::test]
async fn a_second_process_on_one_sqlite_file_is_refused_with_what_to_do() {
    let test = database("sqlite").await;
    let none = || Migrator { ..Migrator::DEFAULT };
    let error = Db::open(
        &test.url,
        &Migrations {
            postgres: none(),
            sqlite: none(),
        },
        1,
    )
    .await
    .unwrap_err();
    assert!(error.to_string().contains("in use by another process"), "{error}");
}

#[test]
fn an_address_says_what_it_wants_and_never_its_password() {
    let error = "mysql://root:hunter2@db/x".parse::<DatabaseUrl>().unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
    let url: DatabaseUrl = "postgres://mecm:hunter2@db:5432/appodb".parse().unwrap();
    assert_eq!(format!("{url:?}"), "postgres://db:5432/appodb");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let url: DatabaseUrl = "postgres://nobody@127.0.0.1:1/none".parse().unwrap();
    let none = || Migrator { ..Migrator::DEFAULT };
    let error = Db::open(
        &url,
        &Migrations {
            postgres: none(),
            sqlite: none(),
        },
        1,
    )
    .await
    .unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    drop(fresh_url("sqlite").await.unwrap());
}

#[tokio::test]
async fn what_a_test_made_is_gone_when_it_ends() {
    for kind in kinds() {
        let test = database(kind).await;
        let url = test.url.clone();
        drop(test);
        match &url {
            DatabaseUrl::Sqlite(path) => assert!(!path.exists(), "{}", path.display()),
            DatabaseUrl::Postgres(options) => {
                let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect_with(options)
                    .await
                    .unwrap();
                let there: Option<String> = sqlx::query_scalar("SELECT to_regclass('things')::text")
                    .fetch_one(&mut connection)
                    .await
                    .unwrap();
                assert_eq!(there, None);
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_does_not_keep_anybody_for_ever() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://u:p@{}/d", listener.local_addr().unwrap());
    let DatabaseUrl::Postgres(options) = url.parse().unwrap() else {
        panic!("{url}");
    };
    let connected = within(
        Duration::from_millis(20),
        sqlx::ConnectOptions::connect(&*options),
    )
    .await;
    let error = connected.unwrap_err();
    assert!(
        matches!(error, DbError::Unavailable(_)) && error.is_transient(),
        "{error:?}"
    );
}

#[tokio::test]
async fn postgres_is_told_how_long_it_may_work() {
    if !kinds().contains(&"postgres") {
        return;
    }
    let test = database("postgres").await;
    let mut read = test.db.read().await.unwrap();
    let (limit,): (String,) = one(&mut read, "SHOW statement_timeout").await;
    assert_eq!(limit, "30s");
    // Cut off, it is a database that does not answer.
    execute(&mut read, "SET statement_timeout = '1ms'").await.unwrap();
    let error = execute(&mut read, "SELECT pg_sleep(60)").await.unwrap_err();
    assert!(matches!(error, DbError::Unavailable(_)), "{error:?}");
}

async fn one(read: &mut Read, sql: &'static str) -> (String,) {
    let row = async { Ok::<_, DbError>(fetch_one!(read, sql)) };
    row.await.unwrap()
}

async fn execute(read: &mut Read, sql: &'static str) -> Result<u64, DbError> {
    Ok(execute!(read, sql))
}

#[cfg(unix)]
#[tokio::test]
async fn a_database_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let test = database("sqlite").await;
    let mut read = test.db.read().await.unwrap();
    let (path,): (String,) = one(&mut read, "SELECT file FROM pragma_database_list").await;
    for name in [path.clone(), format!("{path}-wal"), format!("{path}.lock")] {
        let mode = std::fs::metadata(&name).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
