//! Every statement is one that its database takes.

use mecm_common::db::Tx;
use mecm_common::db::testing::TestDb;
use sqlx::Executor as _;

use crate::migrations;
use crate::store::{
    app_rules, app_stores, applications, capabilities, controllers, hosts, k8s_config, rule_managers,
    tenants, token_keys, topology,
};

#[tokio::test]
async fn every_statement_can_be_prepared_on_both_databases() {
    let both = [
        app_rules::STATEMENTS,
        app_stores::STATEMENTS,
        controllers::STATEMENTS,
        k8s_config::STATEMENTS,
        rule_managers::STATEMENTS,
        tenants::STATEMENTS,
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
    ];
    let sqlite = [
        hosts::STATEMENTS[2],
        capabilities::STATEMENTS[2],
        applications::STATEMENTS[2],
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
