//! The records themselves: each where the directory says, saying what the directory says, one after the other with
//! nothing between them (APPNOTE 4.3.6–4.3.9).

use std::io::{Read, Seek};

use crate::directory::{self, Entry};
use crate::error::{CsarError, EntryFault};
use crate::extra::{Extra, Sizes};
use crate::source::{Source, u16_at, u32_at, u64_at};

const HEADER: &[u8] = b"PK\x03\x04";
const HEADER_BYTES: u64 = 30;
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
/// Sizes and checksum follow the data.
const DESCRIPTOR_FOLLOWS: u16 = 1 << 3;

/// Reads every local header and notes where the data is. The records must fill the archive from its first byte to
/// the central directory: bytes that belong to no entry are what another reader may take for one.
pub(crate) fn check<R: Read + Seek>(
    source: &mut Source<R>,
    entries: &mut [Entry],
    directory_at: u64,
) -> Result<(), CsarError> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&at| entries[at].offset);

    if let Some(&first) = order.first() {
        let entry = &entries[first];
        if entry.offset > 0 && entry.offset <= directory_at {
            return Err(source.refuse(&entry.name, EntryFault::StrayBytes { bytes: entry.offset }));
        }
    } else if directory_at > 0 {
        return Err(source.not_zip("it has bytes before its central directory and no entries"));
    }
    for (turn, &at) in order.iter().enumerate() {
        let next = order
            .get(turn + 1)
            .map_or(directory_at, |&next| entries[next].offset.min(directory_at));
        let entry = &mut entries[at];
        match check_one(source, entry, next)? {
            Ok(data) => entry.data = data,
            Err(fault) => return Err(source.refuse(&entry.name, fault)),
        }
    }
    Ok(())
}

/// Checks the record of one entry, which has to end at `next`. Gives the place of its data.
fn check_one<R: Read + Seek>(
    source: &mut Source<R>,
    entry: &Entry,
    next: u64,
) -> Result<Result<u64, EntryFault>, CsarError> {
    let Some(names_at) = entry.offset.checked_add(HEADER_BYTES).filter(|&end| end <= next) else {
        return Ok(Err(EntryFault::Overlaps));
    };
    let header = source.bytes(entry.offset, HEADER_BYTES as usize)?;
    if !header.starts_with(HEADER) {
        return Ok(Err(EntryFault::Broken(
            "there is no local header where the directory says",
        )));
    }
    let (name_len, extra_len) = (u16_at(&header, 26), u16_at(&header, 28));
    let data = names_at + u64::from(name_len) + u64::from(extra_len);
    let Some(data_end) = data.checked_add(entry.compressed).filter(|&end| end <= next) else {
        return Ok(Err(EntryFault::Overlaps));
    };
    let names = source.bytes(names_at, usize::from(name_len) + usize::from(extra_len))?;
    let (name, extra) = names.split_at(usize::from(name_len));
    let follows = match agree(&header, name, extra, entry) {
        Ok(follows) => follows,
        Err(fault) => return Ok(Err(fault)),
    };
    // Where each record ends is known, so what is left is the data descriptor or does not belong there.
    let left = next - data_end;
    if !follows {
        return Ok(if left == 0 {
            Ok(data)
        } else {
            Err(EntryFault::Broken(STRAY))
        });
    }
    if !matches!(left, 12 | 16 | 20 | 24) {
        return Ok(Err(EntryFault::Broken(
            "its data descriptor is missing, or bytes of no entry follow it",
        )));
    }
    let descriptor = source.bytes(data_end, usize::try_from(left).expect("at most 24"))?;
    Ok(if descriptor_agrees(&descriptor, entry) {
        Ok(data)
    } else {
        Err(EntryFault::Disagrees(
            "its data descriptor is not what the directory says",
        ))
    })
}

const STRAY: &str = "bytes that belong to no entry follow it";

/// Whether the local header says what the directory says; gives whether a data descriptor follows the data.
fn agree(header: &[u8], name: &[u8], extra: &[u8], entry: &Entry) -> Result<bool, EntryFault> {
    let (flags, method) = (u16_at(header, 6), u16_at(header, 8));
    directory::check_flags(flags, method)?;
    if name != entry.raw_name {
        return Err(EntryFault::Disagrees("its local header has another name"));
    }
    if method != entry.method {
        return Err(EntryFault::Disagrees(
            "its local header has another compression method",
        ));
    }
    let extra = Extra::parse(extra)?;
    directory::check_kind(0, extra.unix_mode())?;
    if extra
        .unicode_path(name)?
        .is_some_and(|second| second != entry.name)
    {
        return Err(EntryFault::TwoNames);
    }
    let sizes = extra.resolve(Sizes {
        size: u32_at(header, 22).into(),
        compressed: u32_at(header, 18).into(),
        offset: None,
    })?;
    let follows = flags & DESCRIPTOR_FOLLOWS != 0;
    let same = |local: u64, central: u64| local == central || follows && local == 0;
    if !same(u32_at(header, 14).into(), entry.crc.into()) {
        return Err(EntryFault::Disagrees("its local header has another checksum"));
    }
    if !same(sizes.size, entry.size) || !same(sizes.compressed, entry.compressed) {
        return Err(EntryFault::Disagrees("its local header has other sizes"));
    }
    Ok(follows)
}

/// The four forms of a data descriptor: with and without signature, sizes of four or eight bytes.
fn descriptor_agrees(descriptor: &[u8], entry: &Entry) -> bool {
    let signed = matches!(descriptor.len(), 16 | 24);
    let body = if signed {
        if !descriptor.starts_with(DESCRIPTOR) {
            return false;
        }
        &descriptor[4..]
    } else {
        descriptor
    };
    let sizes = if body.len() == 12 {
        (u32_at(body, 4).into(), u32_at(body, 8).into())
    } else {
        (u64_at(body, 4), u64_at(body, 12))
    };
    u32_at(body, 0) == entry.crc && sizes == (entry.compressed, entry.size)
}
