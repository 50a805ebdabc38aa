//! Reading DER, as far as key stores and certificates need it: definite lengths, tags of one byte.

use super::StoreError;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const BMP_STRING: u8 = 0x1e;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Tag `[number]` of a constructed value.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// What is still to be read of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Der<'a>(&'a [u8]);

/// One value: its tag, its content, and both together with the length as they stand.
pub(super) struct Value<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    pub(super) whole: &'a [u8],
}

const CUT_SHORT: StoreError = StoreError::Damaged("a value is cut short");
const UNEXPECTED: StoreError = StoreError::Damaged("another value was expected");

impl<'a> Der<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next value, whatever it is.
    pub(super) fn any(&mut self) -> Result<Value<'a>, StoreError> {
        let bytes = self.0;
        let (&[tag, first], _) = bytes.split_first_chunk::<2>().ok_or(CUT_SHORT)?;
        let (length, header) = if first < 0x80 {
            (usize::from(first), 2)
        } else {
            // Four bytes tell more than a store may have; 0x80 is BER's indefinite length.
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return Err(StoreError::Damaged("a length is not DER"));
            }
            let digits = bytes.get(2..2 + count).ok_or(CUT_SHORT)?;
            let length = digits
                .iter()
                .fold(0, |sum: usize, digit| (sum << 8) | usize::from(*digit));
            (length, 2 + count)
        };
        let end = header.checked_add(length).ok_or(CUT_SHORT)?;
        let whole = bytes.get(..end).ok_or(CUT_SHORT)?;
        self.0 = &bytes[end..];
        Ok(Value {
            tag,
            content: &whole[header..],
            whole,
        })
    }

    /// The content of the next value, which must have this tag.
    pub(super) fn take(&mut self, tag: u8) -> Result<&'a [u8], StoreError> {
        let value = self.any()?;
        if value.tag == tag {
            Ok(value.content)
        } else {
            Err(UNEXPECTED)
        }
    }

    /// The content of the next value if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, StoreError> {
        if self.0.first() == Some(&tag) {
            self.take(tag).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The next value's content, to be read on.
    pub(super) fn inside(&mut self, tag: u8) -> Result<Self, StoreError> {
        self.take(tag).map(Self)
    }

    /// An integer that is neither negative nor beyond 32 bits.
    pub(super) fn small(&mut self) -> Result<u32, StoreError> {
        number(self.take(INTEGER)?)
    }

    /// The same, if it is there.
    pub(super) fn optional_small(&mut self) -> Result<Option<u32>, StoreError> {
        self.optional(INTEGER)?.map(number).transpose()
    }
}

fn number(digits: &[u8]) -> Result<u32, StoreError> {
    let digits = match digits {
        [0, rest @ ..] => rest,
        [first, ..] if *first >= 0x80 => return Err(UNEXPECTED),
        digits => digits,
    };
    if digits.len() > 4 {
        return Err(StoreError::Damaged("a number is too large"));
    }
    Ok(digits.iter().fold(0, |sum, digit| (sum << 8) | u32::from(*digit)))
}
