//! Whose files the store holds. Files that the database does not know are swept away, so a start with another database on
//! the same folder would remove every package. A mark in both says that they belong together.

use std::io;

use mecm_common::db::{Db, DbError};
use uuid::Uuid;

use crate::blobs::Blobs;
use crate::store::{owner, packages};

/// Why the store is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnerError {
    /// Its files are another database's.
    #[error("its files belong to another database")]
    Foreign,
    /// The database.
    #[error(transparent)]
    Database(#[from] DbError),
    /// The disk.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Makes sure that the files are this database's. A store without a mark is taken over when it is empty, or when the
/// database knows one of its files.
pub(crate) async fn claim(db: &Db, blobs: &Blobs) -> Result<(), OwnerError> {
    let marked = blobs.mark().await?;
    let mut tx = db.begin_read().await?;
    let known = owner::get(&mut tx).await?;
    if marked.is_some() {
        return if marked == known {
            Ok(())
        } else {
            Err(OwnerError::Foreign)
        };
    }
    let files = blobs.all().await?;
    if !files.is_empty() {
        let referred = packages::digests(&mut tx).await?;
        if !files.iter().any(|file| referred.contains(file.as_str())) {
            return Err(OwnerError::Foreign);
        }
    }
    drop(tx);
    let mut tx = db.begin_write().await?;
    let mark = owner::get_or_set(&mut tx, Uuid::new_v4()).await?;
    tx.commit().await?;
    Ok(blobs.set_mark(mark).await?)
}
