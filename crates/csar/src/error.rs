//! Why a package is refused, in words for the person who made it.

use std::fmt;
use std::io;

/// Why a package was not taken. The text is meant for the one who sent the package: it names the entry and what is
/// wrong with it, and no more than the package itself told.
#[derive(Debug, thiserror::Error)]
pub enum CsarError {
    /// Reading failed below the archive: nothing is known about the package.
    #[error("the package could not be read")]
    Io(#[source] io::Error),

    /// No archive, or its end or central directory is not what a ZIP's is (PKWARE APPNOTE 4.3).
    #[error("{archive} is not a sound ZIP archive: {why}")]
    NotZip {
        /// The package, or the archive inside it.
        archive: String,
        /// What was expected or found.
        why: String,
    },

    /// More entries than allowed; told before any of them was read.
    #[error("{archive} has {found} entries, at most {limit} are allowed")]
    TooManyEntries {
        /// The package, or the archive inside it.
        archive: String,
        /// What the archive declares.
        found: u64,
        /// What is allowed.
        limit: u64,
    },

    /// All entries together are declared larger than allowed.
    #[error("the entries of {archive} are more than {limit} bytes unpacked")]
    TotalTooLarge {
        /// The package, or the archive inside it.
        archive: String,
        /// What is allowed.
        limit: u64,
    },

    /// One entry is refused.
    #[error("entry {entry} {fault}")]
    Entry {
        /// The entry's name, quoted.
        entry: String,
        /// What is wrong with it.
        fault: EntryFault,
    },

    /// No descriptor in the package.
    #[error(
        "there is no MainServiceTemplate.yaml in the package, and no single zip in APPD that holds one: {why}"
    )]
    NoDescriptor {
        /// Where was looked.
        why: String,
    },

    /// Which descriptor is meant cannot be told.
    #[error("there is more than one MainServiceTemplate.yaml: {first} and {second}")]
    SeveralDescriptors {
        /// One of them, quoted.
        first: String,
        /// Another one, quoted.
        second: String,
    },

    /// The descriptor cannot be understood.
    #[error("descriptor {entry}: {why}")]
    Descriptor {
        /// The descriptor's entry, quoted.
        entry: String,
        /// What is wrong with it, and where.
        why: String,
    },

    /// The manifest does not agree with the package, and has to (`manifest_verification: strict`).
    #[error("the manifest does not agree with the package: {}", .faults.join("; "))]
    Manifest {
        /// What does not agree, entry by entry.
        faults: Vec<String>,
    },

    /// A signature is required (`signature: required`) and there is none that could be verified.
    #[error("a signed package is required: {why}")]
    Signature {
        /// What is missing.
        why: String,
    },
}

impl CsarError {
    /// Whether the package is to blame. If not, reading it failed, and another try may succeed.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Io(_))
    }
}

/// What is wrong with one entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    /// No name, or one of nothing but dots and slashes.
    #[error("has no name")]
    NoName,
    /// Longer than the limit, in bytes.
    #[error("has a name of {bytes} bytes, at most {limit} are allowed")]
    NameTooLong {
        /// The length found.
        bytes: usize,
        /// The length allowed.
        limit: usize,
    },
    /// Said to be UTF-8, and is not.
    #[error("has a name that is said to be UTF-8 and is not")]
    NameNotUtf8,
    /// The name in the entry and the one in its Unicode path field differ.
    #[error("has a second, different name in its extra fields")]
    TwoNames,
    /// Starts with a slash.
    #[error("has an absolute path")]
    Absolute,
    /// Has a segment `..`.
    #[error("climbs out of the package with \"..\"")]
    ClimbsOut,
    /// Starts like `C:`.
    #[error("has a drive letter in its name")]
    DriveLetter,
    /// Has a backslash.
    #[error("has a backslash in its name")]
    Backslash,
    /// Has a NUL.
    #[error("has a NUL character in its name")]
    Nul,
    /// A symbolic link.
    #[error("is a symbolic link")]
    SymbolicLink,
    /// Neither file nor folder nor symbolic link.
    #[error("is a special entry, neither a file nor a folder")]
    Special,
    /// Encrypted.
    #[error("is encrypted")]
    Encrypted,
    /// A second file of its name.
    #[error("is there twice")]
    Duplicate,
    /// A file that is the folder of another entry.
    #[error("is a file and a folder at once")]
    FileAndFolder,
    /// Its bytes are another entry's too.
    #[error("overlaps the record that follows it")]
    Overlaps,
    /// Bytes that belong to no entry lie before it.
    #[error("has {bytes} bytes before it that belong to no entry")]
    StrayBytes {
        /// How many.
        bytes: u64,
    },
    /// Declared larger than allowed.
    #[error("is {size} bytes unpacked, at most {limit} are allowed")]
    TooLarge {
        /// The size declared.
        size: u64,
        /// The size allowed.
        limit: u64,
    },
    /// A folder that has content.
    #[error("is a folder and has content")]
    FolderWithContent,
    /// Inflates too well.
    #[error("is {size} bytes unpacked from {compressed}, more than {limit} times as many")]
    Ratio {
        /// The size declared.
        size: u64,
        /// Its size in the archive.
        compressed: u64,
        /// The ratio allowed.
        limit: u64,
    },
    /// More comes out than was declared.
    #[error("unpacks to more than the {size} bytes it declares")]
    LongerThanDeclared {
        /// The size declared.
        size: u64,
    },
    /// Less comes out than was declared.
    #[error("unpacks to {found} bytes and declares {size}")]
    ShorterThanDeclared {
        /// The size declared.
        size: u64,
        /// The size found.
        found: u64,
    },
    /// Two places of the archive say different things about it.
    #[error("is described in two ways: {0}")]
    Disagrees(&'static str),
    /// A compression that is neither "stored" nor "deflated".
    #[error("is compressed by method {0}; only 0 (stored) and 8 (deflated) can be read")]
    Method(u16),
    /// Cut short or damaged.
    #[error("is broken: {0}")]
    Broken(&'static str),
}

/// A name from a package, quoted for a text: control characters escaped, long ones cut.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

/// Characters of a name or value shown in a text.
const SHOWN: usize = 200;

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for (at, c) in self.0.chars().enumerate() {
            if at == SHOWN {
                f.write_str("…")?;
                break;
            }
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        f.write_str("\"")
    }
}
