//! The central directory: what entries an archive has (APPNOTE 4.3.12).

use std::io::{BufReader, Read, Seek};

use crate::end::End;
use crate::error::{CsarError, EntryFault};
use crate::extra::{Extra, Sizes};
use crate::names;
use crate::policy::Limits;
use crate::source::{Source, u16_at, u32_at};

const HEADER: &[u8] = b"PK\x01\x02";
const HEADER_BYTES: u64 = 46;

/// Encrypted, strongly encrypted, central directory encrypted.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// Names and comments are UTF-8.
const UTF8: u16 = 1 << 11;
/// The method that stands for AES encryption.
const METHOD_AES: u16 = 99;
const ONES_16: u16 = 0xFFFF;

/// One file or folder of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the archive.
    pub name: String,
    /// Its path: the name without empty segments, `.` and a slash at the end.
    pub path: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Bytes, unpacked, as the archive declares them.
    pub size: u64,
    /// Bytes in the archive.
    pub compressed: u64,
    pub(crate) raw_name: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    /// Where its local header is.
    pub(crate) offset: u64,
    /// Where its data is; known when its local header was read.
    pub(crate) data: u64,
}

/// Reads the directory record by record, refusing at the first that is not allowed.
pub(crate) fn read<R: Read + Seek>(
    source: &mut Source<R>,
    end: &End,
    limits: &Limits,
) -> Result<Vec<Entry>, CsarError> {
    if end.entries > limits.entries {
        return Err(CsarError::TooManyEntries {
            archive: source.label(),
            found: end.entries,
            limit: limits.entries,
        });
    }
    // Asked before anything is set aside for them: that many records cannot be in so few bytes.
    if end
        .entries
        .checked_mul(HEADER_BYTES)
        .is_none_or(|least| least > end.size)
    {
        return Err(source.not_zip("its central directory is too short for its number of entries"));
    }
    source.seek(end.offset)?;
    let mut records = Records {
        left: end.size,
        reader: BufReader::new(&mut source.reader),
    };
    let entries = match judge(&mut records, end.entries, limits) {
        Ok(entries) => entries,
        Err(Fault::Io(error)) => return Err(error),
        Err(Fault::Broken) => {
            return Err(source.not_zip("its central directory is broken or has another number of entries"));
        }
        Err(Fault::TotalTooLarge) => {
            return Err(CsarError::TotalTooLarge {
                archive: source.label(),
                limit: limits.total_bytes,
            });
        }
        Err(Fault::Entry { name, fault }) => return Err(source.refuse(&name, fault)),
    };
    names::check_distinct(entries.iter().map(|entry| (entry.path.as_str(), entry.is_dir)))
        .map_err(|(at, fault)| source.refuse(&entries[at].name, fault))?;
    Ok(entries)
}

/// What is wrong with a directory.
enum Fault {
    Io(CsarError),
    Broken,
    TotalTooLarge,
    Entry { name: String, fault: EntryFault },
}

/// Judges each record before the next is read: a hostile directory costs the memory of one.
fn judge<R: Read>(records: &mut Records<R>, count: u64, limits: &Limits) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    let mut total: u64 = 0;
    for _ in 0..count {
        let record = records.next().map_err(Fault::Io)?.ok_or(Fault::Broken)?;
        let entry = parse(&record, limits).map_err(|fault| Fault::Entry {
            name: record.shown_name(),
            fault,
        })?;
        total = total.saturating_add(entry.size);
        if total > limits.total_bytes {
            return Err(Fault::TotalTooLarge);
        }
        entries.push(entry);
    }
    if records.left > 0 {
        return Err(Fault::Broken);
    }
    Ok(entries)
}

/// A record of the directory as it lies there.
struct Record {
    header: Vec<u8>,
    name: Vec<u8>,
    extra: Vec<u8>,
}

impl Record {
    fn shown_name(&self) -> String {
        match std::str::from_utf8(&self.name) {
            Ok(name) => name.to_owned(),
            Err(_) => names::from_cp437(&self.name),
        }
    }
}

struct Records<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Records<R> {
    /// `None` when the records and the directory's size do not fit together.
    fn next(&mut self) -> Result<Option<Record>, CsarError> {
        let Some(header) = self.take(HEADER_BYTES)? else {
            return Ok(None);
        };
        if !header.starts_with(HEADER) {
            return Ok(None);
        }
        let lengths = [28, 30, 32].map(|at| u64::from(u16_at(&header, at)));
        let Some(name) = self.take(lengths[0])? else {
            return Ok(None);
        };
        let Some(extra) = self.take(lengths[1])? else {
            return Ok(None);
        };
        let comment = self.take(lengths[2])?;
        Ok(comment.map(|_| Record { header, name, extra }))
    }

    fn take(&mut self, len: u64) -> Result<Option<Vec<u8>>, CsarError> {
        let Some(left) = self.left.checked_sub(len) else {
            return Ok(None);
        };
        self.left = left;
        let mut bytes = vec![0; usize::try_from(len).expect("at most 64 KiB")];
        self.reader.read_exact(&mut bytes).map_err(CsarError::Io)?;
        Ok(Some(bytes))
    }
}

fn parse(record: &Record, limits: &Limits) -> Result<Entry, EntryFault> {
    let header = &record.header;
    if record.name.len() > limits.name_bytes {
        return Err(EntryFault::NameTooLong {
            bytes: record.name.len(),
            limit: limits.name_bytes,
        });
    }
    let extra = Extra::parse(&record.extra)?;
    let flags = u16_at(header, 8);
    let name = names::decode(&record.name, flags & UTF8 != 0, &extra)?.into_owned();
    names::check(&name)?;

    let method = u16_at(header, 10);
    check_flags(flags, method)?;
    check_kind(u32_at(header, 38), extra.unix_mode())?;
    if !matches!(u16_at(header, 34), 0 | ONES_16) {
        return Err(EntryFault::Broken("it lies on another disk"));
    }
    let sizes = extra.resolve(Sizes {
        size: u32_at(header, 24).into(),
        compressed: u32_at(header, 20).into(),
        offset: Some(u32_at(header, 42).into()),
    })?;
    let is_dir = name.ends_with('/');
    if is_dir && sizes.size > 0 {
        return Err(EntryFault::FolderWithContent);
    }
    if sizes.size > limits.entry_bytes {
        return Err(EntryFault::TooLarge {
            size: sizes.size,
            limit: limits.entry_bytes,
        });
    }
    if method == 0 && sizes.size != sizes.compressed {
        return Err(EntryFault::Disagrees("it is stored as it is and has two sizes"));
    }
    Ok(Entry {
        path: names::normalise(&name),
        name,
        is_dir,
        size: sizes.size,
        compressed: sizes.compressed,
        raw_name: record.name.clone(),
        method,
        crc: u32_at(header, 16),
        offset: sizes.offset.unwrap_or_default(),
        data: 0,
    })
}

/// Refuses what says it is encrypted, in either header.
pub(crate) fn check_flags(flags: u16, method: u16) -> Result<(), EntryFault> {
    if flags & ENCRYPTED != 0 || method == METHOD_AES {
        Err(EntryFault::Encrypted)
    } else {
        Ok(())
    }
}

/// Refuses what is neither file nor folder, whatever system the archive says it comes from: readers differ in what
/// they believe of that.
pub(crate) fn check_kind(attributes: u32, asi_mode: Option<u16>) -> Result<(), EntryFault> {
    const REPARSE_POINT: u32 = 0x400;
    const VOLUME_LABEL_OR_DEVICE: u32 = 0x8 | 0x40;
    const NO_TYPE: u16 = 0;
    const FOLDER: u16 = 0x4000;
    const FILE: u16 = 0x8000;
    const LINK: u16 = 0xA000;

    let unix_mode = u16::try_from(attributes >> 16).expect("16 bits");
    for mode in [unix_mode, asi_mode.unwrap_or_default()] {
        match mode & 0xF000 {
            NO_TYPE | FOLDER | FILE => {}
            LINK => return Err(EntryFault::SymbolicLink),
            _ => return Err(EntryFault::Special),
        }
    }
    if attributes & REPARSE_POINT != 0 {
        return Err(EntryFault::SymbolicLink);
    }
    if attributes & VOLUME_LABEL_OR_DEVICE != 0 {
        return Err(EntryFault::Special);
    }
    Ok(())
}
