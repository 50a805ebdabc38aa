use mecm_common::db::testing::TestDb;

use super::{hosts, owner, packages};
use crate::migrations;

/// What takes the place of the compiler's check of each statement: both databases understand it.
#[tokio::test]
async fn every_statement_is_understood_by_the_database() {
    use sqlx::{Executor, SqlSafeStr};
    for test in TestDb::all(&migrations()).await {
        let mut tx = test.db.begin_read().await.unwrap();
        let hosts_add = tx.pick(hosts::ADD_POSTGRES, hosts::ADD_SQLITE);
        let hosts_announce = tx.pick(hosts::ANNOUNCE_POSTGRES, hosts::ANNOUNCE_SQLITE);
        let all = [
            packages::COUNT,
            packages::COUNT_TENANTS,
            packages::INSERT,
            packages::DESCRIBE,
            packages::SET_FILE,
            packages::SOURCE,
            packages::LIST,
            packages::GET,
            packages::FILE,
            packages::DELETE,
            packages::DIGESTS,
            packages::REFERENCES,
            owner::GET,
            owner::SET,
            hosts_add,
            hosts_announce,
            hosts::COUNT,
            hosts::WAITING,
            hosts::END,
            hosts::OF_TENANT,
            hosts::OF_PACKAGE,
            hosts::DELETE,
        ];
        for sql in all {
            let prepared =
                mecm_common::on_db!(&mut tx, conn => conn.prepare(sql.into_sql_str()).await.map(drop));
            prepared.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }
}
