use mecm_common::db::testing::TestDb;
use sqlx::{Executor, SqlSafeStr};

use super::{app_instances, batches, dependencies, rule_tasks};

/// What takes the place of the compiler's check of each statement: both databases understand it.
#[tokio::test]
async fn every_statement_is_understood_by_the_database() {
    for test in TestDb::all(&crate::migrations()).await {
        let mut tx = test.db.begin_read().await.unwrap();
        let mut all: Vec<&'static str> = Vec::new();
        all.extend(app_instances::STATEMENTS);
        all.extend(batches::STATEMENTS);
        all.extend(dependencies::STATEMENTS);
        all.extend(rule_tasks::STATEMENTS);
        if test.db.is_sqlite() {
            all.extend(app_instances::STATEMENTS_SQLITE);
        } else {
            all.extend(app_instances::STATEMENTS_POSTGRES);
            all.extend(dependencies::STATEMENTS_POSTGRES);
        }
        for sql in all {
            let prepared =
                mecm_common::on_db!(&mut tx, conn => conn.prepare(sql.into_sql_str()).await.map(drop));
            prepared.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }
}
