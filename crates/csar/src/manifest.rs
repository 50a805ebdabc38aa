//! The manifest (`.mf`, ETSI NFV-SOL 004): who made the package, and the hashes of its files.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{Read, Seek};

use crate::archive::Archive;
use crate::error::{CsarError, EntryFault, Quoted};
use crate::names;
use crate::warnings::Warnings;

/// What a manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Its entry in the package.
    pub entry: String,
    /// `app_product_name`, older `app_name`.
    pub product_name: Option<String>,
    /// `app_provider_id`, older `app_provider`.
    pub provider: Option<String>,
    /// `app_package_version`, older `app_archive_version`.
    pub version: Option<String>,
    /// The files it lists, in order.
    pub sources: Vec<ManifestEntry>,
    /// Whether it holds a CMS signature. It is not verified.
    pub signed: bool,
}

/// One file a manifest lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestEntry {
    /// The file, relative to the package root.
    pub source: String,
    /// How its hash was made.
    pub algorithm: Option<String>,
    /// Its hash as written.
    pub hash: Option<String>,
}

/// The place of the manifest: the `.mf` in the package root, else in `TOSCA-Metadata/`. A second one is a fault.
pub(crate) fn find<R: Read + Seek>(archive: &Archive<R>, root: &str, faults: &mut Warnings) -> Option<usize> {
    let is_manifest = |folder: &str, path: &str| {
        path.strip_prefix(folder)
            .is_some_and(|name| !name.contains('/') && name.to_ascii_lowercase().ends_with(".mf"))
    };
    let mut found: Vec<usize> = Vec::new();
    for folder in [root.to_owned(), format!("{root}TOSCA-Metadata/")] {
        let files = archive.entries().iter().enumerate();
        found.extend(
            files
                .filter(|(_, entry)| !entry.is_dir && is_manifest(&folder, &entry.path))
                .map(|(at, _)| at),
        );
    }
    if let [first, second, ..] = found[..] {
        faults.push(|| {
            format!(
                "there is more than one manifest: {} is read, {} is not",
                archive.label(first),
                archive.label(second)
            )
        });
    }
    found.first().copied()
}

/// Reads "key: value" lines, indented or not. A `Source` begins a file; what is not understood is passed over.
pub(crate) fn parse(entry: String, bytes: &[u8], faults: &mut Warnings) -> Manifest {
    if std::str::from_utf8(bytes).is_err() {
        faults.push(|| format!("manifest {} is not UTF-8 text", Quoted(&entry)));
    }
    let text = String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut manifest = Manifest {
        entry,
        ..Manifest::default()
    };
    let mut in_cms = false;
    for line in text.lines().map(str::trim) {
        match line {
            "-----BEGIN CMS-----" => {
                manifest.signed = true;
                in_cms = true;
            }
            "-----END CMS-----" => in_cms = false,
            _ if in_cms => {}
            _ => {
                if let Some((key, value)) = line.split_once(':') {
                    take(&mut manifest, key.trim_end(), value.trim());
                }
            }
        }
    }
    manifest
}

fn take(manifest: &mut Manifest, key: &str, value: &str) {
    let file = manifest.sources.last_mut();
    let place = match key {
        "app_product_name" | "app_name" => &mut manifest.product_name,
        "app_provider_id" | "app_provider" => &mut manifest.provider,
        "app_package_version" | "app_archive_version" => &mut manifest.version,
        "Source" => {
            manifest.sources.push(ManifestEntry {
                source: value.to_owned(),
                ..ManifestEntry::default()
            });
            return;
        }
        "Algorithm" => match file {
            Some(file) => &mut file.algorithm,
            None => return,
        },
        "Hash" => match file {
            Some(file) => &mut file.hash,
            None => return,
        },
        _ => return,
    };
    if !value.is_empty() {
        *place = Some(value.to_owned());
    }
}

/// Compares what the manifest says with what the package holds. What does not agree goes to `faults`; an error is an
/// entry that cannot be read at all.
pub(crate) fn verify<R: Read + Seek>(
    manifest: &Manifest,
    archive: &mut Archive<R>,
    root: &str,
    faults: &mut Warnings,
) -> Result<(), CsarError> {
    let files: HashMap<String, usize> = archive
        .entries()
        .iter()
        .enumerate()
        .filter(|(_, entry)| !entry.is_dir)
        .map(|(at, entry)| (entry.path.clone(), at))
        .collect();
    // Each file is read once, however often it is listed.
    let mut hashes: HashMap<usize, Result<String, u16>> = HashMap::new();
    for listed in &manifest.sources {
        let source = Quoted(&listed.source);
        // As it is, it must not lead out of the package.
        let at = files
            .get(&names::normalise(&format!("{root}{}", listed.source)))
            .copied();
        let Some(at) = at.filter(|_| names::check(&listed.source).is_ok()) else {
            faults.push(|| format!("manifest: {source} is listed and is not in the package"));
            continue;
        };
        let Some(said) = &listed.hash else { continue };
        let algorithm = listed.algorithm.as_deref().unwrap_or("SHA-256");
        if !matches!(algorithm.to_ascii_uppercase().as_str(), "SHA-256" | "SHA256") {
            faults.push(|| {
                format!(
                    "manifest: {source} was not verified: the algorithm {} is not known",
                    Quoted(algorithm)
                )
            });
            continue;
        }
        let hash = match hashes.entry(at) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(match archive.sha256(at) {
                Ok(hash) => Ok(hex::encode(hash)),
                Err(CsarError::Entry {
                    fault: EntryFault::Method(method),
                    ..
                }) => Err(method),
                Err(error) => return Err(error),
            }),
        };
        match hash {
            Ok(found) if said.eq_ignore_ascii_case(found) => {}
            Ok(found) => faults.push(|| {
                format!(
                    "manifest: {source} has the SHA-256 {found}, the manifest says {}",
                    Quoted(said)
                )
            }),
            Err(method) => faults.push(|| {
                format!("manifest: {source} was not verified: its compression method {method} is not known")
            }),
        }
    }
    Ok(())
}
