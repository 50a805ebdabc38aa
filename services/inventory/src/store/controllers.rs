//! LCM controllers.

use mecm_common::models::lcm_controller::LcmController;

use super::holdings::Kind;
use super::records::{Record, Statements};

#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    ip: String,
    name: String,
    port: String,
    user_name: Option<String>,
}

impl From<Row> for LcmController {
    fn from(row: Row) -> Self {
        Self {
            applcm_ip: Some(row.ip),
            applcm_name: Some(row.name),
            applcm_port: Some(row.port),
            user_name: row.user_name,
        }
    }
}

impl Record for LcmController {
    type Row = Row;

    const KIND: Kind = Kind::LcmControllers;
    const SQL: Statements = Statements {
        insert: "INSERT INTO lcm_controllers (tenant, ip, name, port, user_name) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (tenant, ip) DO NOTHING",
        update: "UPDATE lcm_controllers SET name = $3, port = $4, user_name = $5 WHERE tenant = $1 AND ip = $2",
        list: "SELECT ip, name, port, user_name FROM lcm_controllers WHERE tenant = $1 ORDER BY seq",
        get: "SELECT ip, name, port, user_name FROM lcm_controllers WHERE tenant = $1 AND ip = $2",
        delete: "DELETE FROM lcm_controllers WHERE tenant = $1 AND ip = $2",
        delete_all: "DELETE FROM lcm_controllers WHERE tenant = $1",
    };

    fn ip(&self) -> Option<&str> {
        self.applcm_ip.as_deref()
    }

    fn texts(&self) -> Vec<Option<&str>> {
        vec![
            self.applcm_name.as_deref(),
            self.applcm_port.as_deref(),
            self.user_name.as_deref(),
        ]
    }
}
