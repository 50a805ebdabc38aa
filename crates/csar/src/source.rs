//! Reading bytes of an archive by their place, and numbers out of them.

use std::io::{self, Read, Seek, SeekFrom};

use crate::error::{CsarError, EntryFault, Quoted};

/// The bytes of one archive, and what to call it in a text.
#[derive(Debug)]
pub(crate) struct Source<R> {
    pub(crate) reader: R,
    pub(crate) len: u64,
    /// Empty for the package itself, else the entry that holds this archive.
    within: String,
}

impl<R: Read + Seek> Source<R> {
    pub(crate) fn new(mut reader: R, within: &str) -> Result<Self, CsarError> {
        let len = reader.seek(SeekFrom::End(0)).map_err(CsarError::Io)?;
        Ok(Self {
            reader,
            len,
            within: within.to_owned(),
        })
    }

    /// The `len` bytes at `offset`. The caller has bounded `len` and checked that they lie inside the archive.
    pub(crate) fn bytes(&mut self, offset: u64, len: usize) -> Result<Vec<u8>, CsarError> {
        let mut bytes = vec![0; len];
        self.seek(offset)?;
        self.reader.read_exact(&mut bytes).map_err(CsarError::Io)?;
        Ok(bytes)
    }

    pub(crate) fn seek(&mut self, offset: u64) -> Result<(), CsarError> {
        self.reader
            .seek(SeekFrom::Start(offset))
            .map(drop)
            .map_err(CsarError::Io)
    }
}

impl<R> Source<R> {
    /// What to call this archive in a text.
    pub(crate) fn label(&self) -> String {
        if self.within.is_empty() {
            "the package".to_owned()
        } else {
            Quoted(&self.within).to_string()
        }
    }

    /// What to call one of its entries in a text: quoted, with the entry that holds the archive before it.
    pub(crate) fn entry_label(&self, name: &str) -> String {
        if self.within.is_empty() {
            Quoted(name).to_string()
        } else {
            Quoted(&format!("{}/{name}", self.within)).to_string()
        }
    }

    pub(crate) fn not_zip(&self, why: impl Into<String>) -> CsarError {
        CsarError::NotZip {
            archive: self.label(),
            why: why.into(),
        }
    }

    pub(crate) fn refuse(&self, name: &str, fault: EntryFault) -> CsarError {
        CsarError::Entry {
            entry: self.entry_label(name),
            fault,
        }
    }
}

/// Whether an error while inflating says that the data is bad, not that reading failed.
pub(crate) fn is_bad_data(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}

/// The little-endian number of two bytes at `at`, which the caller knows to be there.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// As [`u16_at`], of four bytes.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// As [`u16_at`], of eight bytes.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
