//! A database whose disk is full, and one that is away: PostgreSQL made to say so.

use mecm::demo::api::At;
use mecm_common::client::Clients;
use reqwest::header::CONTENT_TYPE;
use secrecy::ExposeSecret;
use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;

use super::super::rig::Rig;
use super::super::signatures::Signed;
use super::{Ledger, rows};

/// On each table: while the disk is full, nothing is written.
const FULL_DISK: &str = "
    CREATE TABLE disk (is_full boolean NOT NULL);
    INSERT INTO disk VALUES (false);
    CREATE FUNCTION write_or_not() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT is_full FROM disk) THEN
            RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
        END IF;
        RETURN NULL;
    END $$;
    DO $$ DECLARE one text; BEGIN
        FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'disk' LOOP
            EXECUTE format('CREATE TRIGGER write_or_not BEFORE INSERT OR UPDATE OR DELETE ON %I
                FOR EACH STATEMENT EXECUTE FUNCTION write_or_not()', one);
        END LOOP;
    END $$;";

/// The disks of the three services' databases.
pub(super) struct Disks([Mutex<PgConnection>; 3]);

impl Disks {
    /// `None` where the services are on SQLite.
    pub(super) async fn of(rig: &Rig) -> Option<Self> {
        let config = &rig.place.config;
        let mut all = Vec::new();
        for url in [
            &config.inventory.database,
            &config.apm.database,
            &config.appo.database,
        ] {
            let url = url.expose_secret();
            if !url.starts_with("postgres") {
                return None;
            }
            let mut database = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(FULL_DISK).execute(&mut database).await.unwrap();
            all.push(Mutex::new(database));
        }
        all.try_into().ok().map(Self)
    }

    pub(super) async fn set_full(&self, at: At, full: bool) {
        let database = match at {
            At::Inventory => &self.0[0],
            At::Apm => &self.0[1],
            At::Appo => &self.0[2],
        };
        let change = sqlx::query("UPDATE disk SET is_full = $1").bind(full);
        change.execute(&mut *database.lock().await).await.unwrap();
    }
}

/// Asks all while the databases are away.
pub(super) async fn databases(rig: &Rig, ledger: &Ledger) {
    let client = Clients::new(&rig.place.config).unwrap().services;
    let own = mecm::keys::appo(&rig.place.config).unwrap();
    let asked = ledger.operations.iter().filter(|told| told.listed.contains(&503));
    futures::future::join_all(asked.map(|told| async {
        let url = told.url(rig.api.tenant());
        let body = told
            .body_of_url()
            .map(|body| body.to_string())
            .unwrap_or_default();
        // What asks an edge keeps nothing: its database is asked about signatures alone.
        let status = if told.by_signature() || told.path.contains("/hosts/{host_ip}/") {
            let kind = [("content-type", "application/json")];
            Signed::with(&own, &told.method, &url, &kind, body.into())
                .send(&client)
                .await
                .0
        } else {
            let request = client
                .request(told.method.clone(), &url)
                .header("access_token", rig.api.token().expose_secret());
            let request = if told.form {
                let (request, _) = rows::form(&told.path).await.on(request);
                request
            } else {
                request.header(CONTENT_TYPE, "application/json").body(body)
            };
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(status, 503, "{} {}", told.method, told.path);
        ledger.note(&told.method, &url, status);
    }))
    .await;
}
