//! A ZIP archive whose structure was checked, and its entries read without trusting what they declare.

use std::io::{BufReader, Read, Seek};

use flate2::bufread::DeflateDecoder;
use sha2::{Digest, Sha256};

use crate::directory::{self, Entry};
use crate::end;
use crate::error::{CsarError, EntryFault};
use crate::layout;
use crate::policy::Limits;
use crate::source::{Source, is_bad_data};

pub(crate) const STORED: u16 = 0;
pub(crate) const DEFLATED: u16 = 8;
const CHUNK: usize = 64 << 10;

/// An archive in which every entry is named, placed and sized as it should be.
#[derive(Debug)]
pub(crate) struct Archive<R> {
    source: Source<R>,
    entries: Vec<Entry>,
    limits: Limits,
}

impl<R: Read + Seek> Archive<R> {
    /// Checks the structure of the whole archive. `within` is the entry that holds it, empty for the package itself.
    pub(crate) fn open(reader: R, within: &str, limits: &Limits) -> Result<Self, CsarError> {
        let mut source = Source::new(reader, within)?;
        let end = end::find(&mut source)?;
        let mut entries = directory::read(&mut source, &end, limits)?;
        layout::check(&mut source, &mut entries, end.offset)?;
        Ok(Self {
            source,
            entries,
            limits: limits.clone(),
        })
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// The place of the file with this path.
    pub(crate) fn file(&self, path: &str) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| !entry.is_dir && entry.path == path)
    }

    /// What to call an entry in a text.
    pub(crate) fn label(&self, at: usize) -> String {
        self.source.entry_label(&self.entries[at].name)
    }

    /// The content of an entry, in memory: bounded by `memory_bytes` and the ratio.
    pub(crate) fn read(&mut self, at: usize) -> Result<Vec<u8>, CsarError> {
        let entry = &self.entries[at];
        let (size, compressed) = (entry.size, entry.compressed);
        if size > self.limits.memory_bytes {
            return Err(self.refuse(
                at,
                EntryFault::TooLarge {
                    size,
                    limit: self.limits.memory_bytes,
                },
            ));
        }
        if size > self.limits.ratio_from_bytes && size > compressed.saturating_mul(self.limits.ratio) {
            return Err(self.refuse(
                at,
                EntryFault::Ratio {
                    size,
                    compressed,
                    limit: self.limits.ratio,
                },
            ));
        }
        let mut content = Vec::new();
        self.stream(at, |chunk| content.extend_from_slice(chunk))?;
        Ok(content)
    }

    /// The SHA-256 of an entry's content, by streaming.
    pub(crate) fn sha256(&mut self, at: usize) -> Result<[u8; 32], CsarError> {
        let mut hash = Sha256::new();
        self.stream(at, |chunk| hash.update(chunk))?;
        Ok(hash.finalize().into())
    }

    fn refuse(&self, at: usize, fault: EntryFault) -> CsarError {
        self.source.refuse(&self.entries[at].name, fault)
    }

    fn stream(&mut self, at: usize, sink: impl FnMut(&[u8])) -> Result<(), CsarError> {
        let entry = &self.entries[at];
        self.source.seek(entry.data)?;
        let data = BufReader::with_capacity(CHUNK, (&mut self.source.reader).take(entry.compressed));
        let outcome = match entry.method {
            STORED => copy(data, entry, sink).map(|_| entry.compressed),
            DEFLATED => {
                let mut decoder = DeflateDecoder::new(data);
                copy(&mut decoder, entry, sink).map(|()| decoder.total_in())
            }
            method => Err(Fault::Entry(EntryFault::Method(method))),
        };
        match outcome {
            Ok(used) if used == entry.compressed => Ok(()),
            Ok(_) => Err(self.refuse(at, EntryFault::Broken("bytes follow its compressed data"))),
            Err(Fault::Entry(fault)) => Err(self.refuse(at, fault)),
            Err(Fault::Io(error)) => Err(CsarError::Io(error)),
        }
    }
}

enum Fault {
    Entry(EntryFault),
    Io(std::io::Error),
}

/// Reads to the declared size and asks for one byte more: an entry that has it is refused, so that no more than
/// that is ever inflated.
fn copy(mut data: impl Read, entry: &Entry, mut sink: impl FnMut(&[u8])) -> Result<(), Fault> {
    let mut chunk = vec![0; CHUNK];
    let mut crc = flate2::Crc::new();
    let mut left = entry.size;
    loop {
        let wanted = usize::try_from(left).map_or(CHUNK, |left| left.saturating_add(1).min(CHUNK));
        let got = match data.read(&mut chunk[..wanted]) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) if is_bad_data(&error) => {
                return Err(Fault::Entry(EntryFault::Broken("its compressed data is damaged")));
            }
            Err(error) => return Err(Fault::Io(error)),
        };
        left = left
            .checked_sub(got as u64)
            .ok_or(Fault::Entry(EntryFault::LongerThanDeclared { size: entry.size }))?;
        crc.update(&chunk[..got]);
        sink(&chunk[..got]);
    }
    if left > 0 {
        let found = entry.size - left;
        return Err(Fault::Entry(EntryFault::ShorterThanDeclared {
            size: entry.size,
            found,
        }));
    }
    if crc.sum() != entry.crc {
        return Err(Fault::Entry(EntryFault::Broken(
            "its content does not have the checksum it declares",
        )));
    }
    Ok(())
}
