//! App rule managers.

use mecm_common::models::rule_manager::RuleManager;

use super::holdings::Kind;
use super::records::{Record, Statements};

#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    ip: String,
    name: String,
    port: String,
    user_name: Option<String>,
}

impl From<Row> for RuleManager {
    fn from(row: Row) -> Self {
        Self {
            app_rule_ip: Some(row.ip),
            app_rule_name: Some(row.name),
            app_rule_port: Some(row.port),
            user_name: row.user_name,
        }
    }
}

impl Record for RuleManager {
    type Row = Row;

    const KIND: Kind = Kind::RuleManagers;
    const SQL: Statements = Statements {
        insert: "INSERT INTO rule_managers (tenant, ip, name, port, user_name) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (tenant, ip) DO NOTHING",
        update: "UPDATE rule_managers SET name = $3, port = $4, user_name = $5 WHERE tenant = $1 AND ip = $2",
        list: "SELECT ip, name, port, user_name FROM rule_managers WHERE tenant = $1 ORDER BY seq",
        get: "SELECT ip, name, port, user_name FROM rule_managers WHERE tenant = $1 AND ip = $2",
        delete: "DELETE FROM rule_managers WHERE tenant = $1 AND ip = $2",
        delete_all: "DELETE FROM rule_managers WHERE tenant = $1",
    };

    fn ip(&self) -> Option<&str> {
        self.app_rule_ip.as_deref()
    }

    fn texts(&self) -> Vec<Option<&str>> {
        vec![
            self.app_rule_name.as_deref(),
            self.app_rule_port.as_deref(),
            self.user_name.as_deref(),
        ]
    }
}
