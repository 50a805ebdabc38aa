use chrono::{DateTime, TimeDelta};
use mecm_common::db::testing::TestDb;
use mecm_common::models::ids::{TaskId, TenantId, fresh};
use sqlx::{Executor, SqlSafeStr};
use uuid::Uuid;

use super::{app_instances, batches, dependencies, rule_tasks};

#[tokio::test]
async fn a_task_that_begins_anew_is_kept_for_a_day_after_its_end() {
    for test in TestDb::all(&crate::migrations()).await {
        let mut tx = test.db.begin_write().await.unwrap();
        let (task, tenant, instance) = (TaskId(Uuid::new_v4()), TenantId(Uuid::new_v4()), fresh());
        let day = TimeDelta::days(1);
        let first = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        for began in [first, first + day * 2] {
            rule_tasks::insert(&mut tx, task, tenant, instance, began)
                .await
                .unwrap();
            let ended = rule_tasks::Ended::Success;
            rule_tasks::end(&mut tx, task, ended, "", None, began + day)
                .await
                .unwrap();
        }
        let now = first + day * 3;
        assert_eq!(rule_tasks::sweep(&mut tx, now - day).await.unwrap(), 0);
        assert_eq!(rule_tasks::sweep(&mut tx, now + day).await.unwrap(), 1);
    }
}

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
