//! The end of an archive: where its central directory is and how many entries it has (APPNOTE 4.3.14–4.3.16).

use std::io::{Read, Seek};

use crate::error::CsarError;
use crate::source::{Source, u16_at, u32_at, u64_at};

const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: u64 = 20;
const END64: &[u8] = b"PK\x06\x06";
const END64_BYTES: u64 = 56;
/// The longest comment an archive can have.
const COMMENT_BYTES: u64 = 0xFFFF;

/// Where the central directory is. `offset + size` is where the end records begin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) entries: u64,
}

/// Finds the one end record whose comment reaches exactly to the archive's last byte. Bytes after it, a second
/// such record, several disks and ZIP64 records that say something else are refused.
pub(crate) fn find<R: Read + Seek>(source: &mut Source<R>) -> Result<End, CsarError> {
    if source.len < END_BYTES as u64 {
        return Err(source.not_zip("it is too short"));
    }
    let tail_len = source.len.min(END_BYTES as u64 + COMMENT_BYTES);
    let tail_at = source.len - tail_len;
    let tail = source.bytes(tail_at, usize::try_from(tail_len).expect("at most 64 KiB"))?;
    let record_at = find_record(&tail).map_err(|why| source.not_zip(why))?;
    let record = &tail[record_at..record_at + END_BYTES];
    let record_at = tail_at + record_at as u64;

    let disks = [u16_at(record, 4), u16_at(record, 6)];
    let (entries_here, entries) = (u16_at(record, 8), u16_at(record, 10));
    let (size, offset) = (u32_at(record, 12), u32_at(record, 16));

    let (end, end_at) = match find_end64(source, record_at)? {
        None => {
            if disks != [0, 0] || entries_here != entries {
                return Err(source.not_zip("it is split over several disks"));
            }
            (
                End {
                    offset: offset.into(),
                    size: size.into(),
                    entries: entries.into(),
                },
                record_at,
            )
        }
        Some((end64, end64_at)) => {
            let agree = disks.iter().all(|disk| matches!(disk, 0 | 0xFFFF))
                && agree16(entries_here, end64.entries)
                && agree16(entries, end64.entries)
                && agree32(size, end64.size)
                && agree32(offset, end64.offset);
            if !agree {
                return Err(source.not_zip("its ZIP64 end record disagrees with its end record"));
            }
            (end64, end64_at)
        }
    };
    if end.offset.checked_add(end.size) != Some(end_at) {
        return Err(source.not_zip(
            "its central directory is not where its end record says: it was cut, or bytes were put before or into it",
        ));
    }
    Ok(end)
}

fn find_record(tail: &[u8]) -> Result<usize, &'static str> {
    let mut found = None;
    let mut seen = false;
    for at in (0..=tail.len() - END_BYTES)
        .rev()
        .filter(|&at| tail[at..].starts_with(END))
    {
        seen = true;
        if at + END_BYTES + usize::from(u16_at(tail, at + 20)) == tail.len() && found.replace(at).is_some() {
            return Err("it has two end records");
        }
    }
    match found {
        Some(at) => Ok(at),
        None if seen => Err("there are bytes after its end record, or it was cut in its comment"),
        None => Err("it has no end record; it is no ZIP or was cut short"),
    }
}

/// The ZIP64 end record and where it begins, when a locator stands before the end record.
fn find_end64<R: Read + Seek>(
    source: &mut Source<R>,
    record_at: u64,
) -> Result<Option<(End, u64)>, CsarError> {
    let Some(locator_at) = record_at.checked_sub(LOCATOR_BYTES) else {
        return Ok(None);
    };
    let locator = source.bytes(locator_at, LOCATOR_BYTES as usize)?;
    if !locator.starts_with(LOCATOR) {
        return Ok(None);
    }
    let (disk, at, disks) = (u32_at(&locator, 4), u64_at(&locator, 8), u32_at(&locator, 16));
    let in_place = at.checked_add(END64_BYTES).is_some_and(|end| end <= locator_at);
    if disk != 0 || disks > 1 || !in_place {
        return Err(source.not_zip("its ZIP64 locator points nowhere"));
    }
    let record = source.bytes(at, END64_BYTES as usize)?;
    let length = u64_at(&record, 4);
    // The length counts what follows it; an extensible part may follow the fixed fields.
    if !record.starts_with(END64)
        || at.checked_add(12).and_then(|x| x.checked_add(length)) != Some(locator_at)
    {
        return Err(source.not_zip("its ZIP64 end record is not where its locator says"));
    }
    let (entries_here, entries) = (u64_at(&record, 24), u64_at(&record, 32));
    if u32_at(&record, 16) != 0 || u32_at(&record, 20) != 0 || entries_here != entries {
        return Err(source.not_zip("it is split over several disks"));
    }
    Ok(Some((
        End {
            offset: u64_at(&record, 48),
            size: u64_at(&record, 40),
            entries,
        },
        at,
    )))
}

fn agree16(field: u16, value: u64) -> bool {
    field == u16::MAX || u64::from(field) == value
}

fn agree32(field: u32, value: u64) -> bool {
    field == u32::MAX || u64::from(field) == value
}
