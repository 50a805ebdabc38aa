//! Every statement is one that its database takes.

use mecm_common::db::Tx;
use mecm_common::db::testing::TestDb;
use mecm_common::models::app_store::AppStore;
use mecm_common::models::lcm_controller::LcmController;
use mecm_common::models::rule_manager::RuleManager;
use sqlx::Executor as _;

use crate::migrations;
use crate::store::records::Record as _;
use crate::store::{
    app_rules, applications, audit, capabilities, credentials, holdings, hosts, k8s_config, token_keys,
    topology,
};

#[tokio::test]
async fn every_statement_can_be_prepared_on_both_databases() {
    let both = [
        app_rules::STATEMENTS,
        &AppStore::SQL.all(),
        &LcmController::SQL.all(),
        k8s_config::STATEMENTS,
        &RuleManager::SQL.all(),
        holdings::STATEMENTS[0],
        audit::STATEMENTS,
        credentials::STATEMENTS[0],
        token_keys::STATEMENTS,
        topology::STATEMENTS,
        hosts::STATEMENTS[0],
        capabilities::STATEMENTS[0],
        applications::STATEMENTS[0],
    ];
    let postgres = [
        hosts::STATEMENTS[1],
        capabilities::STATEMENTS[1],
        applications::STATEMENTS[1],
        holdings::STATEMENTS[1],
        credentials::STATEMENTS[1],
    ];
    let sqlite = [
        hosts::STATEMENTS[2],
        capabilities::STATEMENTS[2],
        applications::STATEMENTS[2],
        &[],
        &[],
    ];
    for db in TestDb::all(&migrations()).await {
        let mut tx = db.db.begin_read().await.unwrap();
        let own = if db.db.is_sqlite() { sqlite } else { postgres };
        for statement in both.iter().chain(&own).copied().flatten().copied() {
            let failed = match &mut tx {
                Tx::Postgres(tx) => tx.prepare(sqlx::SqlStr::from_static(statement)).await.err(),
                Tx::Sqlite(tx) => tx.prepare(sqlx::SqlStr::from_static(statement)).await.err(),
            };
            assert!(failed.is_none(), "{statement}: {failed:?}");
        }
    }
}
