//! Packages made for the tests, good and bad, and the real ones where they are.

use std::io::{Cursor, Write};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const MANIFEST: &str = "metadata:\napp_product_name: sample\n\nSource: a\nHash: 1\n\nSource: b\nHash: 2\n";
const VALUES: &str = "appconfig:\n  appnamespace: default\n  aksk:\n    accesskey: <akvalue>\n";

/// A Helm chart of that name.
pub(crate) fn chart(name: &str, values: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (file, text) in [
        ("Chart.yaml", format!("apiVersion: v1\nname: {name}\n")),
        ("values.yaml", values.to_owned()),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive
            .append_data(&mut header, format!("{name}/{file}"), text.as_bytes())
            .unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// What of a package is left out or done otherwise.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shape<'a> {
    pub(crate) manifest_name: Option<&'a str>,
    pub(crate) manifest: Option<&'a str>,
    pub(crate) no_chart: bool,
    pub(crate) no_directories: bool,
    pub(crate) values: Option<&'a str>,
    pub(crate) more_entries: usize,
    /// Files of so many MiB of nothing.
    pub(crate) large: &'a [usize],
    pub(crate) stored: bool,
    /// Lengths told behind the contents only, as by a tool that writes to a pipe.
    pub(crate) streamed: bool,
}

/// A package whose chart has that name.
pub(crate) fn package(release: &str, shape: Shape<'_>) -> Vec<u8> {
    if shape.streamed {
        write(ZipWriter::new_stream(Vec::new()), release, shape)
            .finish()
            .unwrap()
            .into_inner()
    } else {
        write(ZipWriter::new(Cursor::new(Vec::new())), release, shape)
            .finish()
            .unwrap()
            .into_inner()
    }
}

fn write<W: Write + std::io::Seek>(mut zip: ZipWriter<W>, release: &str, shape: Shape<'_>) -> ZipWriter<W> {
    let method = if shape.stored {
        CompressionMethod::Stored
    } else {
        CompressionMethod::Deflated
    };
    let mut options = SimpleFileOptions::default().compression_method(method);
    if !shape.large.is_empty() {
        options = options.compression_level(Some(1));
    }
    let directories = [
        "top/",
        "top/APPD/",
        "top/Artifacts/",
        "top/Artifacts/Deployment/",
        "top/Artifacts/Deployment/Charts/",
    ];
    for directory in directories.iter().filter(|_| !shape.no_directories) {
        zip.add_directory(*directory, options).unwrap();
    }
    let mut file = |name: &str, contents: &[u8]| {
        zip.start_file(format!("top/{name}"), options).unwrap();
        zip.write_all(contents).unwrap();
    };
    file("APPD/notes.txt", "passes by\n".repeat(3_000).as_bytes());
    for number in 0..shape.more_entries {
        file(&format!("{number}.txt"), b"");
    }
    for (number, mebibytes) in shape.large.iter().enumerate() {
        file(&format!("{number}.bin"), &vec![0; mebibytes * 1024 * 1024]);
    }
    if !shape.no_chart {
        let chart = chart(release, shape.values.unwrap_or(VALUES));
        file("Artifacts/Deployment/Charts/.gitkeep", b"");
        file("Artifacts/Deployment/Charts/chart.tgz", &chart);
    }
    let manifest = shape.manifest.unwrap_or(MANIFEST);
    file(
        shape.manifest_name.unwrap_or("positioning-service.mf"),
        manifest.as_bytes(),
    );
    zip
}

/// A package that a v1.0 controller deploys.
pub(crate) fn sample(release: &str) -> Vec<u8> {
    package(release, Shape::default())
}

/// A package of a v1.0 installation, where the machine has it.
pub(crate) fn real(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("MECM_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/csar"),
        PathBuf::from,
    );
    let read = std::fs::read(folder.join(name)).ok();
    if read.is_none() {
        println!("skipped: {name} is not in {}", folder.display());
    }
    read
}
