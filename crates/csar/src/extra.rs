//! The extra fields of a record: ZIP64 sizes, a second name, a Unix mode (APPNOTE 4.5, 4.6).

use crate::error::EntryFault;
use crate::source::{u16_at, u32_at, u64_at};

const ZIP64: u16 = 0x0001;
const UNICODE_PATH: u16 = 0x7075;
const ASI_UNIX: u16 = 0x756E;

/// Sizes and place of an entry as a record gives them: the 32-bit fields, all ones where the extra field has the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) size: u64,
    pub(crate) compressed: u64,
    /// `None` in a local header, which has no such field.
    pub(crate) offset: Option<u64>,
}

/// The extra fields this crate looks at.
#[derive(Debug, Default)]
pub(crate) struct Extra<'a> {
    zip64: Option<&'a [u8]>,
    unicode_path: Option<&'a [u8]>,
    asi_unix: Option<&'a [u8]>,
}

impl<'a> Extra<'a> {
    pub(crate) fn parse(mut bytes: &'a [u8]) -> Result<Self, EntryFault> {
        let mut extra = Self::default();
        // Fewer than four bytes at the end are padding that aligning tools leave.
        while bytes.len() >= 4 {
            let (id, len) = (u16_at(bytes, 0), usize::from(u16_at(bytes, 2)));
            let field = bytes
                .get(4..4 + len)
                .ok_or(EntryFault::Broken("an extra field is cut short"))?;
            bytes = &bytes[4 + len..];
            let place = match id {
                ZIP64 => &mut extra.zip64,
                UNICODE_PATH => &mut extra.unicode_path,
                ASI_UNIX => &mut extra.asi_unix,
                _ => continue,
            };
            if place.replace(field).is_some() {
                return Err(EntryFault::Disagrees("one extra field is there twice"));
            }
        }
        Ok(extra)
    }

    /// The sizes with ZIP64 values in place of all-ones fields. The field holds either exactly the values that are
    /// wanted, in the order size, compressed size, offset, or all of them: then those not wanted must be the same.
    pub(crate) fn resolve(&self, sizes: Sizes) -> Result<Sizes, EntryFault> {
        const ONES: u64 = 0xFFFF_FFFF;
        const DISAGREE: EntryFault =
            EntryFault::Disagrees("its ZIP64 field and its sizes do not fit together");
        let values = [Some(sizes.size), Some(sizes.compressed), sizes.offset];
        let wanted = values.iter().filter(|value| **value == Some(ONES)).count();
        let Some(field) = self.zip64 else {
            return if wanted == 0 { Ok(sizes) } else { Err(DISAGREE) };
        };
        let all = matches!(field.len(), 16 | 24 | 28);
        if field.len() != wanted * 8 && !all {
            return Err(DISAGREE);
        }
        let only_wanted = field.len() == wanted * 8;
        let mut rest = field;
        let mut resolved = [sizes.size, sizes.compressed, sizes.offset.unwrap_or_default()];
        for (value, place) in values.iter().zip(&mut resolved) {
            let Some(value) = *value else { continue };
            if only_wanted && value != ONES {
                continue;
            }
            if rest.len() < 8 {
                // A field of 16 bytes has no offset: fine unless it is wanted.
                if value == ONES {
                    return Err(DISAGREE);
                }
                continue;
            }
            let given = u64_at(rest, 0);
            rest = &rest[8..];
            if value != ONES && given != value {
                return Err(DISAGREE);
            }
            *place = given;
        }
        Ok(Sizes {
            size: resolved[0],
            compressed: resolved[1],
            offset: sizes.offset.map(|_| resolved[2]),
        })
    }

    /// The name in the Info-ZIP Unicode path field, if it was made for `raw_name` (APPNOTE 4.6.9).
    pub(crate) fn unicode_path(&self, raw_name: &[u8]) -> Result<Option<&'a str>, EntryFault> {
        let Some(field) = self.unicode_path else {
            return Ok(None);
        };
        if field.len() < 5 || field[0] != 1 {
            return Ok(None);
        }
        let mut crc = flate2::Crc::new();
        crc.update(raw_name);
        if crc.sum() != u32_at(field, 1) {
            return Ok(None);
        }
        std::str::from_utf8(&field[5..])
            .map(Some)
            .map_err(|_| EntryFault::NameNotUtf8)
    }

    /// The Unix mode of the ASi Unix field.
    pub(crate) fn unix_mode(&self) -> Option<u16> {
        self.asi_unix
            .filter(|field| field.len() >= 6)
            .map(|field| u16_at(field, 4))
    }
}
