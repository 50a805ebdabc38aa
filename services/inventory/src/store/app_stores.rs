//! App stores.

use mecm_common::models::app_store::AppStore;

use super::holdings::Kind;
use super::records::{Record, Statements};

#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    ip: String,
    port: String,
    uri: String,
    user_name: Option<String>,
    name: Option<String>,
    producer: Option<String>,
}

impl From<Row> for AppStore {
    fn from(row: Row) -> Self {
        Self {
            appstore_ip: Some(row.ip),
            appstore_port: Some(row.port),
            uri: Some(row.uri),
            user_name: row.user_name,
            appstore_name: row.name,
            producer: row.producer,
        }
    }
}

impl Record for AppStore {
    type Row = Row;

    const KIND: Kind = Kind::AppStores;
    const SQL: Statements = Statements {
        insert: "INSERT INTO app_stores (tenant, ip, port, uri, user_name, name, producer) VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (tenant, ip) DO NOTHING",
        update: "UPDATE app_stores SET port = $3, uri = $4, user_name = $5, name = $6, producer = $7 WHERE tenant = $1 AND ip = $2",
        list: "SELECT ip, port, uri, user_name, name, producer FROM app_stores WHERE tenant = $1 ORDER BY seq",
        get: "SELECT ip, port, uri, user_name, name, producer FROM app_stores WHERE tenant = $1 AND ip = $2",
        delete: "DELETE FROM app_stores WHERE tenant = $1 AND ip = $2",
        delete_all: "DELETE FROM app_stores WHERE tenant = $1",
    };

    fn ip(&self) -> Option<&str> {
        self.appstore_ip.as_deref()
    }

    fn texts(&self) -> Vec<Option<&str>> {
        vec![
            self.appstore_port.as_deref(),
            self.uri.as_deref(),
            self.user_name.as_deref(),
            self.appstore_name.as_deref(),
            self.producer.as_deref(),
        ]
    }
}
