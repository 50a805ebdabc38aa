//! The mark that the package store carries too.

use mecm_common::db::{DbError, Tx};
use mecm_common::{execute, fetch_one, fetch_optional};
use uuid::Uuid;

pub(crate) const GET: &str = "SELECT id FROM package_store";
pub(crate) const SET: &str = "INSERT INTO package_store (place, id) VALUES (1, $1) ON CONFLICT DO NOTHING";

/// The mark; `None`: there is none yet.
pub(crate) async fn get(tx: &mut Tx) -> Result<Option<Uuid>, DbError> {
    let row: Option<(Uuid,)> = fetch_optional!(tx, GET);
    Ok(row.map(|(id,)| id))
}

/// The mark, which is `new` when there was none.
pub(crate) async fn get_or_set(tx: &mut Tx, new: Uuid) -> Result<Uuid, DbError> {
    execute!(&mut *tx, SET, new);
    let (id,): (Uuid,) = fetch_one!(&mut *tx, GET);
    Ok(id)
}
