//! The sample package, built from the files under `sample/`: the same bytes every time.

use std::io::{self, Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The folder that everything is in.
const TOP: &str = "mecmsample/";
/// EdgeGallery v1.0's controllers read the manifest under this name, whatever the package is called.
const MANIFEST: &str = "positioning-service.mf";
/// Where the chart goes.
const CHART: &str = "Artifacts/Deployment/Charts/mecmsample.tgz";

/// v1.0's controllers want every folder before the files in it.
const FOLDERS: [&str; 9] = [
    "",
    "APPD/",
    "APPD/Definition/",
    "TOSCA-Metadata/",
    "Image/",
    "Artifacts/",
    "Artifacts/Docs/",
    "Artifacts/Deployment/",
    "Artifacts/Deployment/Charts/",
];

/// Files as they are.
const FILES: [(&str, &str); 4] = [
    (
        "APPD/Definition/MainServiceTemplate.yaml",
        include_str!("../sample/APPD/Definition/MainServiceTemplate.yaml"),
    ),
    (
        "TOSCA-Metadata/TOSCA.meta",
        include_str!("../sample/TOSCA-Metadata/TOSCA.meta"),
    ),
    (
        "Image/SwImageDesc.json",
        include_str!("../sample/Image/SwImageDesc.json"),
    ),
    (
        "Artifacts/Docs/readme.md",
        include_str!("../sample/Artifacts/Docs/readme.md"),
    ),
];

/// Files of the Helm chart.
const CHART_FILES: [(&str, &str); 3] = [
    ("Chart.yaml", include_str!("../sample/chart/Chart.yaml")),
    ("values.yaml", include_str!("../sample/chart/values.yaml")),
    (
        "templates/deployment.yaml",
        include_str!("../sample/chart/templates/deployment.yaml"),
    ),
];

/// Builds the package.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn build() -> io::Result<Vec<u8>> {
    padded(0)
}

/// The same with a file of `bytes` bytes that do not compress, for measurements with packages of a real size.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn padded(bytes: usize) -> io::Result<Vec<u8>> {
    let chart = chart()?;
    let mut files: Vec<(&str, Vec<u8>)> = FILES
        .iter()
        .map(|(path, text)| (*path, text.as_bytes().to_vec()))
        .collect();
    files.push((CHART, chart));
    if bytes > 0 {
        files.push(("Artifacts/Docs/padding.bin", noise(bytes)));
    }
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for folder in FOLDERS {
        zip.add_directory(format!("{TOP}{folder}"), options)?;
    }
    let manifest = manifest(&files);
    files.push((MANIFEST, manifest.into_bytes()));
    for (path, content) in &files {
        zip.start_file(format!("{TOP}{path}"), options)?;
        zip.write_all(content)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// The manifest (ETSI GS NFV-SOL 004): who made it, and each file's hash.
fn manifest(files: &[(&str, Vec<u8>)]) -> String {
    let mut text = "metadata:\napp_product_name: mecmsample\napp_provider_id: MECM\napp_package_version: 1.0\n\
        app_release_data_time: 2026-11-23 00:00\napp_type: container\napp_package_description: the sample application\n"
        .to_owned();
    for (path, content) in files {
        let hash = hex::encode(Sha256::digest(content));
        text.push_str(&format!("\nSource: {path}\nAlgorithm: SHA-256\nHash: {hash}\n"));
    }
    text
}

fn chart() -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, text) in CHART_FILES {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, format!("mecmsample/{path}"), text.as_bytes())?;
    }
    archive.into_inner()?.finish()
}

/// Bytes that look random and are the same every time: a counter, hashed.
fn noise(bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes + 32);
    let mut counter: u64 = 0;
    while out.len() < bytes {
        out.extend_from_slice(&Sha256::digest(counter.to_le_bytes()));
        counter += 1;
    }
    out.truncate(bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_the_same_every_time_and_gives_no_reason_to_warn() {
        let file = build().unwrap();
        assert_eq!(file, build().unwrap());
        let package = mecm_csar::check(Cursor::new(file), &mecm_csar::Policy::default()).unwrap();
        assert_eq!(package.warnings, Vec::<String>::new());
        assert_eq!(package.descriptor.name.as_deref(), Some("mecmsample"));
        assert_eq!(
            package.images,
            ["library/nginx:1.27", "edgegallery/mep-agent:latest"]
        );
        let rules = package.descriptor.rules.unwrap();
        assert_eq!(rules["appTrafficRule"][0]["trafficRuleId"], "page");
    }

    #[test]
    fn a_padded_one_is_as_large_as_asked_for_and_still_a_package() {
        let file = padded(1_000_000).unwrap();
        assert!((1_000_000..1_010_000).contains(&file.len()), "{}", file.len());
        mecm_csar::check(Cursor::new(file), &mecm_csar::Policy::default()).unwrap();
    }
}
