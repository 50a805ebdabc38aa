//! Packages for tests, written byte by byte: a ZIP library would refuse to write the hostile ones.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};

use crate::{CsarError, Package, Policy, check};

/// Changes the bytes of one record after it was made.
type Patch = fn(&mut Vec<u8>);

/// The sizes and checksum that follow an entry's data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follows {
    Nothing,
    /// With its signature and sizes of four bytes, as most tools write it.
    Signed,
    Unsigned,
    /// With its signature and sizes of eight bytes.
    Wide,
    /// Of the right form, with a wrong checksum.
    Wrong,
}

/// One entry: what it is and what is wrong with it.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) name: Vec<u8>,
    pub(crate) content: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) follows: Follows,
    pub(crate) flags: u16,
    pub(crate) attributes: u32,
    /// Extra fields of the local header and of the directory.
    pub(crate) extra: [Vec<u8>; 2],
    /// Bytes of no entry after its record.
    pub(crate) gap: usize,
    patches: [Option<Patch>; 2],
}

impl File {
    pub(crate) fn new(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            content: content.as_ref().to_vec(),
            method: 8,
            follows: Follows::Nothing,
            flags: 0,
            attributes: 0,
            extra: [Vec::new(), Vec::new()],
            gap: 0,
            patches: [None; 2],
        }
    }

    /// Data as it is, not compressed.
    pub(crate) fn stored(self) -> Self {
        Self { method: 0, ..self }
    }

    pub(crate) fn flags(self, flags: u16) -> Self {
        Self { flags, ..self }
    }

    pub(crate) fn attributes(self, attributes: u32) -> Self {
        Self { attributes, ..self }
    }

    pub(crate) fn follows(self, follows: Follows) -> Self {
        Self { follows, ..self }
    }

    pub(crate) fn extra(self, local: Vec<u8>, central: Vec<u8>) -> Self {
        Self {
            extra: [local, central],
            ..self
        }
    }

    pub(crate) fn gap(self, gap: usize) -> Self {
        Self { gap, ..self }
    }

    /// Changes the local header.
    pub(crate) fn local(mut self, patch: Patch) -> Self {
        self.patches[0] = Some(patch);
        self
    }

    /// Changes the record in the directory.
    pub(crate) fn central(mut self, patch: Patch) -> Self {
        self.patches[1] = Some(patch);
        self
    }

    /// The data as it lies in the archive.
    fn data(&self) -> Vec<u8> {
        if self.method != 8 {
            return self.content.clone();
        }
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&self.content).unwrap();
        encoder.finish().unwrap()
    }
}

/// An archive: its entries and what is around them.
#[derive(Clone, Default)]
pub(crate) struct Zip {
    pub(crate) files: Vec<File>,
    pub(crate) before: Vec<u8>,
    /// Between the last record and the directory.
    pub(crate) between: Vec<u8>,
    pub(crate) after: Vec<u8>,
    pub(crate) comment: Vec<u8>,
    /// Writes the ZIP64 records at the end too.
    pub(crate) zip64: bool,
    /// Changes end record, ZIP64 end record, ZIP64 locator.
    pub(crate) end: Option<Patch>,
    pub(crate) end64: Option<Patch>,
    pub(crate) locator: Option<Patch>,
}

impl Zip {
    pub(crate) fn new(files: Vec<File>) -> Self {
        Self {
            files,
            ..Self::default()
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut zip = self.before.clone();
        let mut directory = Vec::new();
        for file in &self.files {
            let at = zip.len();
            let data = file.data();
            let sizes = [data.len(), file.content.len()].map(narrow);
            let mut crc = flate2::Crc::new();
            crc.update(&file.content);
            let crc = crc.sum();
            let flags = file.flags | if file.follows == Follows::Nothing { 0 } else { 8 };
            let known = file.follows == Follows::Nothing;

            let mut local = b"PK\x03\x04".to_vec();
            put(&mut local, &[20, flags, file.method, 0, 0x21]);
            for value in [crc, sizes[0], sizes[1]] {
                local.extend(if known { value } else { 0 }.to_le_bytes());
            }
            put(
                &mut local,
                &[narrow16(file.name.len()), narrow16(file.extra[0].len())],
            );
            local.extend(&file.name);
            local.extend(&file.extra[0]);
            apply(file.patches[0], &mut local);
            zip.extend(local);
            zip.extend(data);
            zip.extend(descriptor(file.follows, crc, sizes));
            zip.extend(vec![0; file.gap]);

            let mut central = b"PK\x01\x02".to_vec();
            put(&mut central, &[0x0314, 20, flags, file.method, 0, 0x21]);
            for value in [crc, sizes[0], sizes[1]] {
                central.extend(value.to_le_bytes());
            }
            put(
                &mut central,
                &[narrow16(file.name.len()), narrow16(file.extra[1].len())],
            );
            put(&mut central, &[0, 0, 0]);
            central.extend(file.attributes.to_le_bytes());
            central.extend(narrow(at).to_le_bytes());
            central.extend(&file.name);
            central.extend(&file.extra[1]);
            apply(file.patches[1], &mut central);
            directory.extend(central);
        }
        zip.extend(&self.between);
        let offset = zip.len();
        zip.extend(&directory);
        self.close(&mut zip, offset, directory.len());
        zip
    }

    fn close(&self, zip: &mut Vec<u8>, offset: usize, size: usize) {
        let count = self.files.len();
        if self.zip64 {
            let at = zip.len() as u64;
            let mut end64 = b"PK\x06\x06".to_vec();
            end64.extend(44u64.to_le_bytes());
            put(&mut end64, &[45, 45, 0, 0, 0, 0]);
            for value in [count, count, size, offset] {
                end64.extend((value as u64).to_le_bytes());
            }
            apply(self.end64, &mut end64);
            zip.extend(end64);
            let mut locator = b"PK\x06\x07\0\0\0\0".to_vec();
            locator.extend(at.to_le_bytes());
            locator.extend(1u32.to_le_bytes());
            apply(self.locator, &mut locator);
            zip.extend(locator);
        }
        let mut end = b"PK\x05\x06".to_vec();
        put(&mut end, &[0, 0, narrow16(count), narrow16(count)]);
        end.extend(narrow(size).to_le_bytes());
        end.extend(narrow(offset).to_le_bytes());
        put(&mut end, &[narrow16(self.comment.len())]);
        apply(self.end, &mut end);
        zip.extend(end);
        zip.extend(&self.comment);
        zip.extend(&self.after);
    }
}

fn descriptor(follows: Follows, crc: u32, [compressed, size]: [u32; 2]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !matches!(follows, Follows::Nothing | Follows::Unsigned) {
        bytes.extend(b"PK\x07\x08");
    }
    let crc = if follows == Follows::Wrong { !crc } else { crc };
    match follows {
        Follows::Nothing => {}
        Follows::Wide => {
            bytes.extend(crc.to_le_bytes());
            bytes.extend(u64::from(compressed).to_le_bytes());
            bytes.extend(u64::from(size).to_le_bytes());
        }
        Follows::Signed | Follows::Unsigned | Follows::Wrong => {
            for value in [crc, compressed, size] {
                bytes.extend(value.to_le_bytes());
            }
        }
    }
    bytes
}

fn apply(patch: Option<Patch>, bytes: &mut Vec<u8>) {
    if let Some(patch) = patch {
        patch(bytes);
    }
}

fn put(bytes: &mut Vec<u8>, values: &[u16]) {
    for value in values {
        bytes.extend(value.to_le_bytes());
    }
}

fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap()
}

fn narrow16(value: usize) -> u16 {
    u16::try_from(value).unwrap()
}

/// Writes a number of four bytes at a place of a record.
pub(crate) fn set32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// An extra field.
pub(crate) fn field(id: u16, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, &[id, narrow16(content.len())]);
    bytes.extend(content);
    bytes
}

pub(crate) const DESCRIPTOR: &str = "app/APPD/Definition/MainServiceTemplate.yaml";
pub(crate) const CHART: &str = "app/Artifacts/Deployment/Charts/app.tgz";
pub(crate) const META: &str = "app/TOSCA-Metadata/TOSCA.meta";
pub(crate) const MANIFEST: &str = "app/app.mf";

/// What the good package's descriptor says.
pub(crate) const YAML: &str = "\
metadata:
  template_author: author
topology_template:
  node_templates:
    Simple_VNF:
      type: tosca.nodes.nfv.VNF
      properties: {provider: Maker, product_name: cam, software_version: 1.0}
    logic0:
      type: tosca.nodes.nfv.Vdu.Compute
      properties:
        sw_image_data: {name: 'repo/a:1.0, repo/b:2.0'}
";

/// The SHA-256 of some content, as a manifest writes it.
pub(crate) fn sha256(content: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(content))
}

/// The files of a package in which nothing is wrong.
pub(crate) fn good() -> Vec<File> {
    let chart = "not really a chart";
    let manifest = format!(
        "metadata:\napp_product_name: cam\napp_provider_id: Maker\napp_package_version: 1.0\n\n\
         Source: Artifacts/Deployment/Charts/app.tgz\nAlgorithm: SHA-256\nHash: {}\n\n\
         Source: APPD/Definition/MainServiceTemplate.yaml\nAlgorithm: SHA-256\nHash: {}\n",
        sha256(chart),
        sha256(YAML)
    );
    vec![
        File::new("app/", "").stored(),
        File::new("app/APPD/", "").stored(),
        File::new(DESCRIPTOR, YAML),
        File::new(
            META,
            "Entry-Definitions: APPD/Definition/MainServiceTemplate.yaml\n",
        ),
        File::new(MANIFEST, manifest),
        File::new(CHART, chart).stored(),
    ]
}

/// The good package with one more file.
pub(crate) fn with(file: File) -> Zip {
    let mut files = good();
    files.push(file);
    Zip::new(files)
}

/// The good package with another content in one file.
pub(crate) fn with_content(name: &str, content: impl AsRef<[u8]>) -> Zip {
    let mut files = good();
    let file = files
        .iter_mut()
        .find(|file| file.name == name.as_bytes())
        .unwrap();
    file.content = content.as_ref().to_vec();
    Zip::new(files)
}

/// The good package without some of its files.
pub(crate) fn without(names: &[&str]) -> Vec<File> {
    let mut files = good();
    files.retain(|file| !names.iter().any(|name| file.name == name.as_bytes()));
    files
}

pub(crate) fn check_bytes(bytes: Vec<u8>, policy: &Policy) -> Result<Package, CsarError> {
    check(Cursor::new(bytes), policy)
}

/// Checks a package that has to be taken.
pub(crate) fn taken(zip: &Zip) -> Package {
    check_bytes(zip.bytes(), &Policy::default()).unwrap()
}

/// Checks a package that has to be refused, and gives the text its sender reads.
pub(crate) fn refused(zip: &Zip) -> String {
    refused_by(zip, &Policy::default())
}

pub(crate) fn refused_by(zip: &Zip, policy: &Policy) -> String {
    let error = check_bytes(zip.bytes(), policy).unwrap_err();
    assert!(
        error.is_refusal(),
        "the reader failed, not the package: {error:?}"
    );
    error.to_string()
}
