//! Application packages (CSAR: a ZIP archive with a TOSCA descriptor in it), read and checked without unpacking
//! anything to disk.
//!
//! [`check()`] reads a package and either refuses it, naming the entry and what is wrong with it, or returns what the
//! rest of the suite wants to know: images, dependencies, app rules, services, and warnings for a person. Everything
//! here blocks: async callers use `spawn_blocking`.
//!
//! Reading order: `check` (the whole way of a package), `source` → `end` → `directory` → `layout` → `archive` (the ZIP structure,
//! checked by hand: a ZIP that two readers can read differently is refused), `names` and `extra` (parts of its
//! records), `yaml` → `descriptor` → `rules` (what the descriptor says), `manifest`, `meta` and `images` (the small
//! files beside it), `file_name` (the name an upload came under).

mod archive;
mod check;
mod descriptor;
mod directory;
mod end;
mod error;
mod extra;
mod file_name;
mod images;
mod layout;
mod manifest;
mod meta;
mod names;
mod policy;
mod rules;
mod source;
mod warnings;
mod yaml;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use check::{Package, check};
pub use descriptor::{Dependency, Descriptor, Hardware, Service};
pub use directory::Entry;
pub use error::{CsarError, EntryFault};
pub use file_name::{FileNameError, file_name};
pub use manifest::{Manifest, ManifestEntry};
pub use policy::{Limits, ManifestVerification, Policy, Signature};
