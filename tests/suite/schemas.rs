//! Both databases have the same tables with the same columns, and so have services that share a table's code.

use std::collections::BTreeMap;

use mecm_common::db::testing::TestDb;
use mecm_common::db::{Db, DbError, Migrations};
use mecm_common::fetch_all;

type Tables = BTreeMap<String, Vec<String>>;

const SQLITE: &str = "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '_sqlx%' ORDER BY m.name, c.name";
const POSTGRES: &str = "SELECT table_name::text, column_name::text FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name NOT LIKE '\\_sqlx%' ORDER BY table_name, column_name";

async fn tables(db: &Db) -> Tables {
    let read: Result<Vec<(String, String)>, DbError> = async {
        let mut tx = db.begin_read().await?;
        let sql = tx.pick(POSTGRES, SQLITE);
        Ok(fetch_all!(&mut tx, sql))
    }
    .await;
    let mut tables = Tables::new();
    for (table, column) in read.unwrap() {
        tables.entry(table).or_default().push(column);
    }
    tables.values_mut().for_each(|columns| columns.sort());
    tables
}

#[tokio::test]
async fn both_schemas_agree() {
    let all: [(&str, Migrations); 3] = [
        ("inventory", mecm_inventory::migrations()),
        ("apm", mecm_apm::migrations()),
        ("appo", mecm_appo::migrations()),
    ];
    let mut shared = Tables::new();
    for (service, migrations) in all {
        let numbers = |migrator: &sqlx::migrate::Migrator| -> Vec<(i64, String)> {
            migrator
                .iter()
                .map(|one| (one.version, one.description.to_string()))
                .collect()
        };
        assert_eq!(
            numbers(&migrations.postgres),
            numbers(&migrations.sqlite),
            "{service}"
        );
        let mut seen: Option<Tables> = None;
        for test in TestDb::all(&migrations).await {
            let found = tables(&test.db).await;
            assert!(!found.is_empty(), "{service}");
            match &seen {
                Some(other) => assert_eq!(other, &found, "{service}"),
                None => seen = Some(found),
            }
        }
        // What services share, jobs and used signatures, each has in migrations of its own: the same in all of them.
        for (table, columns) in seen.unwrap_or_default() {
            let known = shared.entry(table.clone()).or_insert_with(|| columns.clone());
            assert_eq!(known, &columns, "{table} of {service} and of another service");
        }
    }
}
