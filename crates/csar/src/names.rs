//! Names of entries: what they mean and which are refused (APPNOTE 4.4.17, appendix D).

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::EntryFault;
use crate::extra::Extra;

/// The upper half of IBM code page 437, in which names are that do not say they are UTF-8.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// An entry's name as text: UTF-8 where it is said to be or is, else code page 437, else the one in the Unicode path field.
pub(crate) fn decode<'a>(
    raw: &'a [u8],
    said_utf8: bool,
    extra: &Extra<'a>,
) -> Result<Cow<'a, str>, EntryFault> {
    let name = match std::str::from_utf8(raw) {
        Ok(name) => Cow::Borrowed(name),
        Err(_) if said_utf8 => return Err(EntryFault::NameNotUtf8),
        Err(_) => Cow::Owned(from_cp437(raw)),
    };
    match extra.unicode_path(raw)? {
        None => Ok(name),
        Some(second) if second == name => Ok(name),
        // What one reader calls `a` must not be `b` to another. Only a name in some local encoding may have a translation.
        Some(_) if raw.is_ascii() || said_utf8 => Err(EntryFault::TwoNames),
        Some(second) => {
            check(&name)?;
            Ok(Cow::Borrowed(second))
        }
    }
}

pub(crate) fn from_cp437(raw: &[u8]) -> String {
    let upper: Vec<char> = CP437.chars().collect();
    raw.iter()
        .map(|&byte| match byte.checked_sub(0x80) {
            None => char::from(byte),
            Some(at) => upper
                .get(usize::from(at))
                .copied()
                .unwrap_or(char::REPLACEMENT_CHARACTER),
        })
        .collect()
}

/// Refuses a name that means another place on some system.
pub(crate) fn check(name: &str) -> Result<(), EntryFault> {
    let bytes = name.as_bytes();
    if bytes.contains(&0) {
        Err(EntryFault::Nul)
    } else if bytes.contains(&b'\\') {
        Err(EntryFault::Backslash)
    } else if bytes.first() == Some(&b'/') {
        Err(EntryFault::Absolute)
    } else if name.split('/').any(|segment| segment == "..") {
        Err(EntryFault::ClimbsOut)
    } else if has_drive(bytes) || has_drive(normalise(name).as_bytes()) {
        Err(EntryFault::DriveLetter)
    } else if normalise(name).is_empty() && name != "./" {
        Err(EntryFault::NoName)
    } else {
        Ok(())
    }
}

fn has_drive(name: &[u8]) -> bool {
    matches!(name, [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// The path without empty segments, `.` and a slash at the end: what two names are compared by.
pub(crate) fn normalise(name: &str) -> String {
    name.split('/')
        .filter(|segment| !matches!(*segment, "" | "."))
        .collect::<Vec<_>>()
        .join("/")
}

/// Refuses two files of one path, and a file that is the folder of another entry; folders may repeat. Takes path and whether
/// it is a folder; returns the place of the culprit in the list.
pub(crate) fn check_distinct<'a>(
    paths: impl Iterator<Item = (&'a str, bool)>,
) -> Result<(), (usize, EntryFault)> {
    let mut seen: HashMap<&str, bool> = HashMap::new();
    let mut sorted = Vec::new();
    for (at, (path, is_dir)) in paths.enumerate() {
        match seen.insert(path, is_dir) {
            Some(true) if is_dir => continue,
            Some(false) if !is_dir => return Err((at, EntryFault::Duplicate)),
            Some(_) => return Err((at, EntryFault::FileAndFolder)),
            None => sorted.push((path.replace('/', "\0"), is_dir, at)),
        }
    }
    // With the slash as the least character, what lies under a path follows it at once.
    sorted.sort_unstable();
    for pair in sorted.windows(2) {
        let [(path, is_dir, at), (next, ..)] = pair else {
            continue;
        };
        if !is_dir
            && next
                .strip_prefix(path.as_str())
                .is_some_and(|rest| rest.starts_with('\0'))
        {
            return Err((*at, EntryFault::FileAndFolder));
        }
    }
    Ok(())
}
