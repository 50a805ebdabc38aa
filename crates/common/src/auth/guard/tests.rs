//! On every database there is here, with several processes on one.

use std::time::Duration;

use super::*;
use crate::db::Migrations;
use crate::db::testing::{TestDb, kinds};
use crate::{execute, fetch_one};

/// A database that has the tables of a service.
pub(crate) async fn database(kind: &str) -> TestDb {
    let migrations = Migrations {
        postgres: sqlx::migrate!("../../migrations/apm/postgres"),
        sqlite: sqlx::migrate!("../../migrations/apm/sqlite"),
    };
    TestDb::open(kind, &migrations).await.unwrap()
}

fn clock() -> Clock {
    Clock::manual(DateTime::from_timestamp(1_795_000_000, 0).unwrap())
}

fn place(key: &str, source: &str) -> Place {
    Place::new(&key.parse().unwrap(), source.parse().ok())
}

async fn count(db: &Db, table: &str) -> i64 {
    async {
        let mut read = db.read().await?;
        let sql = match table {
            "seen" => "SELECT count(*) FROM seen_signatures",
            _ => "SELECT count(*) FROM failed_signatures",
        };
        let (count,): (i64,) = fetch_one!(&mut read, sql);
        Ok::<_, crate::db::DbError>(count)
    }
    .await
    .unwrap()
}

#[tokio::test]
async fn three_failures_within_five_minutes_lock_for_a_quarter_of_an_hour_at_every_process() {
    for kind in kinds() {
        let (test, clock) = (database(kind).await, clock());
        let [one, other] = [(); 2].map(|()| Guard::new(&test.db, &clock));
        let place = place("AK", "10.0.0.1");
        let go = |seconds| clock.advance(Duration::from_secs(seconds));
        // The second and the third come within five minutes of each other, the first not.
        for pause in [0, 290, 20] {
            go(pause);
            assert!(other.admitted(&place).await.is_ok(), "{kind}");
            one.failed(&place).await.unwrap();
        }
        assert_eq!(one.admitted(&place).await, Ok(Standing::Failed), "{kind}");
        go(279);
        other.failed(&place).await.unwrap();
        for guard in [&one, &other, &Guard::new(&test.db, &clock)] {
            assert_eq!(guard.admitted(&place).await, Err(AuthError::Locked), "{kind}");
        }
        // Whoever goes on does not stay locked for longer.
        go(600);
        one.failed(&place).await.unwrap();
        go(299);
        assert_eq!(one.admitted(&place).await, Err(AuthError::Locked), "{kind}");
        go(1);
        assert_eq!(one.admitted(&place).await, Ok(Standing::Clear), "{kind}");
        // And begins anew.
        one.failed(&place).await.unwrap();
        one.failed(&place).await.unwrap();
        assert_eq!(other.admitted(&place).await, Ok(Standing::Failed), "{kind}");
    }
}

#[tokio::test]
async fn a_lock_is_one_of_a_key_at_a_source_and_a_success_resets_the_count() {
    for kind in kinds() {
        let (test, clock) = (database(kind).await, clock());
        let guard = Guard::new(&test.db, &clock);
        let stranger = place("AK", "10.6.6.6");
        for _ in 0..3 {
            guard.failed(&stranger).await.unwrap();
        }
        assert_eq!(guard.admitted(&stranger).await, Err(AuthError::Locked), "{kind}");
        for clear in [
            place("AK", "10.0.0.1"),
            place("OTHER", "10.6.6.6"),
            place("AK", ""),
        ] {
            assert_eq!(guard.admitted(&clear).await, Ok(Standing::Clear), "{kind}");
        }
        let customer = place("AK", "10.0.0.1");
        for _ in 0..4 {
            guard.failed(&customer).await.unwrap();
            guard.failed(&customer).await.unwrap();
            let standing = guard.admitted(&customer).await.unwrap();
            guard.succeeded(&customer, standing).await.unwrap();
        }
        assert_eq!(guard.admitted(&customer).await, Ok(Standing::Clear), "{kind}");
    }
}

#[tokio::test]
async fn failures_that_come_at_once_are_counted_one_by_one() {
    for kind in kinds() {
        let (test, clock) = (database(kind).await, clock());
        let guard = Guard::new(&test.db, &clock);
        let place = place("AK", "10.0.0.1");
        let all = (0..3).map(|_| guard.failed(&place));
        assert!(futures::future::join_all(all).await.iter().all(Result::is_ok));
        assert_eq!(guard.admitted(&place).await, Err(AuthError::Locked), "{kind}");
    }
}

#[tokio::test]
async fn a_signature_is_accepted_once_by_all_processes_and_forgotten_with_its_date() {
    for kind in kinds() {
        let (test, clock) = (database(kind).await, clock());
        let [one, other] = [(); 2].map(|()| Guard::new(&test.db, &clock));
        let (key, another): (AccessKey, AccessKey) = ("AK".parse().unwrap(), "OTHER".parse().unwrap());
        let signed = clock.now();
        // At once, in one statement and in two.
        let at_once = [&one, &one, &other, &other].map(|guard| guard.first_time(&key, &[1; 32], signed));
        let accepted = futures::future::join_all(at_once).await;
        let accepted = accepted.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(accepted, 1, "{kind}");
        assert!(
            other.first_time(&another, &[1; 32], signed).await.is_ok(),
            "{kind}"
        );
        assert!(other.first_time(&key, &[2; 32], signed).await.is_ok(), "{kind}");
        clock.advance(Duration::from_secs(900));
        let third = Guard::new(&test.db, &clock);
        let again = third.first_time(&key, &[1; 32], signed).await;
        assert_eq!(again, Err(SignatureReason::Replay.into()), "{kind}");
        clock.advance(Duration::from_secs(31));
        assert!(third.first_time(&key, &[3; 32], clock.now()).await.is_ok());
        assert_eq!(
            count(&test.db, "seen").await,
            1,
            "what nobody may send any more is gone"
        );
        let late = third.first_time(&key, &[1; 32], signed).await;
        assert_eq!(
            late,
            Err(SignatureReason::Old.into()),
            "{kind}: not even by another's clock"
        );
    }
}

#[tokio::test]
async fn what_strangers_can_make_is_bounded_and_locks_go_last() {
    for kind in kinds() {
        let (test, clock) = (database(kind).await, clock());
        let guard = Guard::new(&test.db, &clock);
        let locked = place("LOCKED", "10.0.0.1");
        for _ in 0..3 {
            guard.failed(&locked).await.unwrap();
        }
        for number in 0..20 {
            clock.advance(Duration::from_secs(1));
            guard
                .failed(&place(&format!("AK{number}"), "10.0.0.1"))
                .await
                .unwrap();
        }
        let cleaned: Result<(), crate::db::DbError> = async {
            let mut tx = test.db.begin_write().await?;
            store::clean(&mut tx, clock.now(), 5).await?;
            tx.commit().await
        }
        .await;
        cleaned.unwrap();
        assert_eq!(count(&test.db, "failed").await, 5, "{kind}");
        assert_eq!(guard.admitted(&locked).await, Err(AuthError::Locked), "{kind}");
        assert_eq!(
            guard.admitted(&place("AK19", "10.0.0.1")).await,
            Ok(Standing::Failed)
        );
        assert_eq!(
            guard.admitted(&place("AK0", "10.0.0.1")).await,
            Ok(Standing::Clear)
        );
    }
}

#[tokio::test]
async fn nothing_is_accepted_while_the_database_cannot_be_asked() {
    for kind in kinds() {
        let (test, clock) = (database(kind).await, clock());
        let guard = Guard::new(&test.db, &clock);
        let gone: Result<(), crate::db::DbError> = async {
            let mut tx = test.db.begin_write().await?;
            execute!(&mut tx, "DROP TABLE seen_signatures");
            execute!(&mut tx, "DROP TABLE failed_signatures");
            tx.commit().await
        }
        .await;
        gone.unwrap();
        let key = "AK".parse().unwrap();
        for refused in [
            guard.first_time(&key, &[1; 32], clock.now()).await.unwrap_err(),
            guard.admitted(&place("AK", "")).await.unwrap_err(),
        ] {
            assert!(matches!(refused, AuthError::Database(_)), "{refused}");
            assert_eq!(crate::service::ApiError::from(refused).status.as_u16(), 500);
        }
    }
}
