//! The whole way of a package: structure, descriptor, the small files beside it, manifest.

use std::io::{Cursor, Read, Seek};

use crate::archive::{Archive, DEFLATED, STORED};
use crate::descriptor::{self, Descriptor};
use crate::directory::Entry;
use crate::error::{CsarError, Quoted};
use crate::images;
use crate::manifest::{self, Manifest};
use crate::meta;
use crate::policy::{Limits, ManifestVerification, Policy, Signature};
use crate::warnings::Warnings;
use crate::yaml;

/// A package that was checked.
#[derive(Clone, Debug)]
pub struct Package {
    /// The folder everything is in, with a slash at the end; empty where there is none.
    pub root: String,
    /// Where the descriptor is; one inside `APPD/<name>.zip` has that entry before its own name.
    pub descriptor_path: String,
    /// What the descriptor says.
    pub descriptor: Descriptor,
    /// What the manifest says, where there is one.
    pub manifest: Option<Manifest>,
    /// The images to distribute: those of `Image/SwImageDesc.json` where it lists any, else the descriptor's.
    pub images: Vec<String>,
    /// What a person should know: what does not agree, what is missing, what was passed over.
    pub warnings: Vec<String>,
    /// All entries, in the order of the archive.
    pub entries: Vec<Entry>,
}

const DESCRIPTOR: &str = "MainServiceTemplate.yaml";

/// Reads and checks a package, from whatever place the reader stands at. Nothing is unpacked to disk, and only the
/// descriptor, the zip it may be in, the manifest, `TOSCA.meta` and the image list to memory; this blocks.
///
/// # Errors
/// [`CsarError::Io`] when reading fails, else why the package is refused.
pub fn check<R: Read + Seek>(file: R, policy: &Policy) -> Result<Package, CsarError> {
    let mut warnings = Warnings::default();
    let mut archive = Archive::open(file, "", &policy.limits)?;
    let root = root(archive.entries());
    for entry in archive
        .entries()
        .iter()
        .filter(|entry| !matches!(entry.method, STORED | DEFLATED))
    {
        warnings.push(|| {
            format!(
                "{} has compression method {}, which few can read",
                Quoted(&entry.name),
                entry.method
            )
        });
    }

    let found = find_descriptor(&mut archive, &root, &policy.limits, &mut warnings)?;
    let refuse = |why| CsarError::Descriptor {
        entry: Quoted(&found.path).to_string(),
        why,
    };
    let tree = yaml::parse(&found.content, &policy.limits).map_err(refuse)?;
    let mut descriptor = descriptor::read(&tree, &policy.limits, &mut warnings).map_err(refuse)?;

    match archive.file(&format!("{root}TOSCA-Metadata/TOSCA.meta")) {
        Some(at) => meta::compare(&archive.read(at)?, &root, &found.called, &mut warnings),
        None => warnings.push(|| {
            format!(
                "TOSCA-Metadata/TOSCA.meta is missing; the descriptor is {}",
                Quoted(&found.path)
            )
        }),
    }
    let mut images = match archive.file(&format!("{root}Image/SwImageDesc.json")) {
        Some(at) => images::read(&archive.read(at)?, policy.limits.images, &mut warnings),
        None => Vec::new(),
    };
    if images.is_empty() {
        images.clone_from(&descriptor.images);
    }
    let manifest = read_manifest(&mut archive, &root, policy, &mut warnings)?;
    if let Some(manifest) = &manifest {
        let said = [&manifest.provider, &manifest.product_name, &manifest.version];
        descriptor::complete(&mut descriptor, said.map(Option::as_deref), &tree);
    } else {
        descriptor::complete(&mut descriptor, [None; 3], &tree);
    }

    Ok(Package {
        root,
        descriptor_path: found.path,
        descriptor,
        manifest,
        images,
        warnings: warnings.into_texts(),
        entries: archive.into_entries(),
    })
}

/// The one top folder with a slash at its end, or nothing. A folder that the layout itself names is no top folder, and
/// what macOS adds to archives does not count.
fn root(entries: &[Entry]) -> String {
    const OF_THE_LAYOUT: [&str; 6] = [
        "APPD",
        "Definition",
        "Definitions",
        "TOSCA-Metadata",
        "Artifacts",
        "Image",
    ];

    let mut top = None;
    for entry in entries.iter().filter(|entry| !entry.path.is_empty()) {
        let first = match entry.path.split_once('/') {
            Some((first, _)) => first,
            None if entry.is_dir => entry.path.as_str(),
            None => return String::new(),
        };
        if first == "__MACOSX" {
            continue;
        }
        if top.is_some_and(|top| top != first) {
            return String::new();
        }
        top = Some(first);
    }
    top.filter(|top| !OF_THE_LAYOUT.contains(top))
        .map_or_else(String::new, |top| format!("{top}/"))
}

struct Found {
    path: String,
    content: Vec<u8>,
    /// The paths by which `TOSCA.meta` may call it.
    called: Vec<String>,
}

/// Finds the one descriptor by its name: in the package or, in packages made after v1.0, in the one zip in `APPD`.
fn find_descriptor<R: Read + Seek>(
    archive: &mut Archive<R>,
    root: &str,
    limits: &Limits,
    warnings: &mut Warnings,
) -> Result<Found, CsarError> {
    let outer = descriptors(archive)?;
    let appd = format!("{root}APPD/");
    let is_zip = |path: &str| {
        path.strip_prefix(&appd)
            .is_some_and(|name| !name.contains('/') && name.to_ascii_lowercase().ends_with(".zip"))
    };
    let files = archive.entries().iter().enumerate();
    let zips: Vec<usize> = files
        .filter(|(_, entry)| !entry.is_dir && is_zip(&entry.path))
        .map(|(at, _)| at)
        .collect();
    let [zip] = zips[..] else {
        let Some(at) = outer else {
            let why = if zips.is_empty() {
                "there is no zip in APPD"
            } else {
                "there are several zips in APPD"
            };
            return Err(CsarError::NoDescriptor { why: why.to_owned() });
        };
        return plain(archive, at);
    };

    let zip_path = archive.entries()[zip].path.clone();
    let inside = archive
        .read(zip)
        .and_then(|bytes| Archive::open(Cursor::new(bytes), &zip_path, limits));
    let mut inner = match (inside, outer) {
        (Ok(inner), _) => inner,
        // What makes it unfit to be read does not matter where nothing has to be read from it.
        (Err(error), Some(at)) if error.is_refusal() => {
            warnings.push(|| format!("no descriptor was looked for in {}: {error}", archive.label(zip)));
            return plain(archive, at);
        }
        (Err(error), _) => return Err(error),
    };
    match (outer, descriptors(&inner)?) {
        (Some(at), None) => plain(archive, at),
        (Some(first), Some(second)) => Err(CsarError::SeveralDescriptors {
            first: archive.label(first),
            second: inner.label(second),
        }),
        (None, None) => Err(CsarError::NoDescriptor {
            why: format!("{} holds none", archive.label(zip)),
        }),
        (None, Some(at)) => {
            let name = inner.entries()[at].path.clone();
            let path = format!("{zip_path}/{name}");
            let called = vec![
                path.clone(),
                format!("{appd}{name}"),
                format!("{root}{name}"),
                zip_path,
            ];
            Ok(Found {
                path,
                content: inner.read(at)?,
                called,
            })
        }
    }
}

fn plain<R: Read + Seek>(archive: &mut Archive<R>, at: usize) -> Result<Found, CsarError> {
    let path = archive.entries()[at].path.clone();
    Ok(Found {
        content: archive.read(at)?,
        called: vec![path.clone()],
        path,
    })
}

/// The place of the one descriptor in an archive; two are refused.
fn descriptors<R: Read + Seek>(archive: &Archive<R>) -> Result<Option<usize>, CsarError> {
    let files = archive.entries().iter().enumerate();
    let mut found = files
        .filter(|(_, entry)| !entry.is_dir && entry.path.rsplit('/').next() == Some(DESCRIPTOR))
        .map(|(at, _)| at);
    match (found.next(), found.next()) {
        (Some(first), Some(second)) => Err(CsarError::SeveralDescriptors {
            first: archive.label(first),
            second: archive.label(second),
        }),
        (first, _) => Ok(first),
    }
}

/// Reads the manifest and compares it with the package, as the policy wants.
fn read_manifest<R: Read + Seek>(
    archive: &mut Archive<R>,
    root: &str,
    policy: &Policy,
    warnings: &mut Warnings,
) -> Result<Option<Manifest>, CsarError> {
    let mut faults = Warnings::default();
    let Some(at) = manifest::find(archive, root, &mut faults) else {
        return if policy.signature == Signature::Required {
            Err(CsarError::Signature {
                why: "the package has no manifest".to_owned(),
            })
        } else {
            Ok(None)
        };
    };
    let name = archive.entries()[at].name.clone();
    let content = archive.read(at)?;
    let manifest = manifest::parse(name, &content, &mut faults);
    match (policy.signature, manifest.signed) {
        (Signature::Required, true) => {
            return Err(CsarError::Signature {
                why: "the package is signed, and no trust anchor is configured to verify it with".to_owned(),
            });
        }
        (Signature::Required, false) => {
            return Err(CsarError::Signature {
                why: format!("manifest {} is not signed", archive.label(at)),
            });
        }
        (Signature::Warn, true) => warnings.push(|| {
            format!(
                "manifest {} is signed; the signature was not verified: no trust anchor is configured",
                archive.label(at)
            )
        }),
        (Signature::Warn, false) => {}
    }
    manifest::verify(&manifest, archive, root, &mut faults)?;
    if policy.manifest_verification == ManifestVerification::Strict && !faults.is_empty() {
        return Err(CsarError::Manifest {
            faults: faults.into_texts(),
        });
    }
    warnings.append(faults);
    Ok(Some(manifest))
}
