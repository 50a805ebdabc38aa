//! What a package may cost, and how strictly it is judged.

/// What one package may cost to look at. Every default can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries in the archive, folders included.
    pub entries: u64,
    /// Bytes of one entry, unpacked, as the archive declares it.
    pub entry_bytes: u64,
    /// Bytes of all entries together, unpacked, as the archive declares them.
    pub total_bytes: u64,
    /// Bytes of an entry that is inflated to memory: descriptor, the zip it lies in, manifest, `TOSCA.meta`, image list.
    pub memory_bytes: u64,
    /// How many times larger than its compressed form an entry inflated to memory may be …
    pub ratio: u64,
    /// … once it is larger than this many bytes.
    pub ratio_from_bytes: u64,
    /// Images in one place; what goes beyond is left out.
    pub images: usize,
    /// Bytes of an entry's name (the longest path Linux takes).
    pub name_bytes: usize,
    /// Lists and mappings of a descriptor inside each other.
    pub yaml_depth: usize,
    /// Values in a descriptor; bounds the memory its tree takes.
    pub yaml_nodes: u64,
    /// What aliases may add to a descriptor: the bytes of the texts they repeat, and 16 for each value.
    pub yaml_alias_bytes: u64,
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 1024,
            entry_bytes: GIB,
            total_bytes: 10 * GIB,
            memory_bytes: 4 * MIB,
            ratio: 200,
            ratio_from_bytes: MIB,
            images: 1_000,
            name_bytes: 4096,
            yaml_depth: 64,
            yaml_nodes: 500_000,
            yaml_alias_bytes: 4 * MIB,
        }
    }
}

/// What becomes of a package whose manifest does not agree with its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManifestVerification {
    /// It is taken, with a warning: published packages carry placeholder hashes.
    #[default]
    Warn,
    /// It is refused.
    Strict,
}

/// What becomes of a package whose manifest carries no signature that could be verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    /// It is taken; a signature that was not verified is a warning.
    #[default]
    Warn,
    /// It is refused.
    Required,
}

/// How a package is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What it may cost.
    pub limits: Limits,
    /// What to do when the manifest does not agree.
    pub manifest_verification: ManifestVerification,
    /// What to do without a verified signature.
    pub signature: Signature,
}
