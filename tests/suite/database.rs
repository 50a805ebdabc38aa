//! A database that goes away: clear errors, nothing lost, and everything goes on when it is back.

use std::time::{Duration, Instant};

use mecm::demo::api::At;
use mecm::sample;
use mecm_common::db::testing::POSTGRES_VARIABLE;
use reqwest::Method;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::rig::{LIMIT, Place, Rig};

/// A PostgreSQL database of a test's own, which can be taken away.
pub(super) struct OwnDatabase {
    admin: PgConnection,
    name: String,
    pub(super) url: String,
}

impl OwnDatabase {
    /// On this server.
    pub(super) async fn new(server: &str) -> Self {
        let mut admin = PgConnection::connect(server).await.unwrap();
        let name = format!("own_{}", Uuid::new_v4().simple());
        run(&mut admin, format!("CREATE DATABASE {name}")).await;
        let mut url = reqwest::Url::parse(server).unwrap();
        url.set_path(&name);
        Self {
            admin,
            name,
            url: url.to_string(),
        }
    }

    pub(super) async fn take_away(&mut self) {
        let name = &self.name;
        for sql in [
            format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
        ] {
            run(&mut self.admin, sql).await;
        }
    }

    pub(super) async fn give_back(&mut self) {
        let sql = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.name);
        run(&mut self.admin, sql).await;
    }

    pub(super) async fn drop(mut self) {
        run(
            &mut self.admin,
            format!("DROP DATABASE {} WITH (FORCE)", self.name),
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_callers_are_told_so_and_afterwards_all_goes_on() {
    let Ok(server) = std::env::var(POSTGRES_VARIABLE) else {
        println!("skipped: {POSTGRES_VARIABLE} names no PostgreSQL");
        return;
    };
    let mut database = OwnDatabase::new(&server).await;
    let mut place = Place::new("sqlite").await;
    place.config.appo.database = database.url.clone().into();
    let rig = Rig::start(place).await;
    let hosts = rig.edges(2, 2).await;
    let package = rig.upload(sample::build().unwrap()).await;
    let ids = rig.create(&package, "sample", &hosts).await;
    rig.settled().await;

    database.take_away().await;
    let deadline = Instant::now() + LIMIT;
    loop {
        // A request may meet a connection that does not know yet that it is dead; none is ever answered 500.
        let answer = rig
            .api
            .ask(At::Appo, Method::GET, "/app_instance_infos", None)
            .await
            .unwrap();
        assert_ne!(answer.status.as_u16(), 500, "{}", answer.text());
        if answer.status.as_u16() == 503 {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "the database is away, and APPO answers {}",
            answer.status
        );
    }
    let body = serde_json::json!({ "appInstanceIds": ids });
    let path = "/app_instances/batch_instantiate";
    rig.api
        .expect(At::Appo, Method::POST, path, Some(&body), 503)
        .await
        .unwrap();

    database.give_back().await;
    let deadline = Instant::now() + LIMIT;
    loop {
        let answer = rig
            .api
            .ask(At::Appo, Method::POST, path, Some(&body))
            .await
            .unwrap();
        if answer.status.as_u16() == 202 {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "the database is back, and APPO answers {}",
            answer.status
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let all = rig.settled().await;
    assert!(
        all.iter().all(|(_, status, _)| status == "Instantiated"),
        "{all:?}"
    );
    assert_eq!(rig.sim.totals().counts.deploys, 2);
    rig.suite.stop().await;
    database.drop().await;
}

async fn run(connection: &mut PgConnection, sql: String) {
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}
