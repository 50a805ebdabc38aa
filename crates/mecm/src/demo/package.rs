//! The package that is shown: the sample, or a file, with what ATP reads of it before it uploads.

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::PathBuf;

use anyhow::{Context, Result};
use bytes::Bytes;
use mecm_common::client::upload::Upload;
use zip::ZipArchive;

use crate::sample;

/// The sample's name.
pub(super) const SAMPLE: &str = "mecmsample";
/// What the version is where the manifest says none.
const SOME_VERSION: &str = "1.0";
/// More than any manifest.
const LONGEST_MANIFEST: u64 = 1024 * 1024;

/// A package that can be uploaded.
#[derive(Debug)]
pub struct Package {
    /// The file's name.
    pub file_name: String,
    /// `app_product_name` of its manifest.
    pub name: Option<String>,
    /// `app_package_version` of its manifest.
    pub version: Option<String>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Sample(Bytes),
    File(PathBuf, u64),
}

impl Package {
    /// The sample that the repository builds itself.
    ///
    /// # Errors
    /// None in practice.
    pub fn sample() -> Result<Self> {
        Ok(Self::bytes(&format!("{SAMPLE}.csar"), sample::build()?))
    }

    /// One in memory.
    pub fn bytes(file_name: &str, bytes: Vec<u8>) -> Self {
        let (name, version) = manifest(Cursor::new(&bytes)).unwrap_or_default();
        Self {
            file_name: file_name.to_owned(),
            name,
            version,
            content: Content::Sample(bytes.into()),
        }
    }

    /// A file, which is streamed when it is uploaded.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn file(path: PathBuf) -> Result<Self> {
        let cannot = || format!("cannot read {}", path.display());
        let file = File::open(&path).with_context(cannot)?;
        let size = file.metadata().with_context(cannot)?.len();
        // What is no package is for APM to refuse.
        let (name, version) = manifest(file).unwrap_or_default();
        Ok(Self {
            file_name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            name,
            version,
            content: Content::File(path, size),
        })
    }

    /// How large it is, in bytes.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Sample(bytes) => bytes.len() as u64,
            Content::File(_, size) => *size,
        }
    }

    /// The form that ATP sends: the file first, each part with its type and length. ATP leaves a part out of which the
    /// manifest says nothing, and is refused then; here `name` and some version stand for it.
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub async fn form(&self, name: &str, hosts: &str) -> Result<Upload> {
        let upload = match &self.content {
            Content::Sample(bytes) => Upload::bytes("file", &self.file_name, bytes.clone()),
            Content::File(path, _) => Upload::file("file", &self.file_name, path)
                .await
                .with_context(|| format!("cannot read {}", path.display()))?,
        };
        let told = |text: &Option<String>, other: &str| text.as_deref().unwrap_or(other).to_owned();
        Ok(upload
            .described()
            .field("hostList", hosts)
            .field("appPackageName", told(&self.name, name))
            .field("appPackageVersion", told(&self.version, SOME_VERSION)))
    }
}

/// Name and version as ATP reads them: from the manifest that lies in a folder of the archive's root.
fn manifest(file: impl Read + Seek) -> Option<(Option<String>, Option<String>)> {
    let mut archive = ZipArchive::new(file).ok()?;
    let names = archive.file_names().filter_map(std::result::Result::ok);
    let at = names
        .map(std::borrow::Cow::into_owned)
        .find(|name| name.ends_with(".mf") && name.matches('/').count() == 1)?;
    let mut text = String::new();
    let entry = archive.by_name(&at).ok()?;
    entry.take(LONGEST_MANIFEST).read_to_string(&mut text).ok()?;
    let value = |key: &str| {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        lines
            .filter(|(name, _)| name.trim() == key)
            .map(|(_, value)| value.trim().to_owned())
            .find(|value| !value.is_empty())
    };
    Some((value("app_product_name"), value("app_package_version")))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use mecm_common::client::Clients;
    use mecm_common::config::Config;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn told(bytes: Vec<u8>) -> (Option<String>, Option<String>) {
        let package = Package::bytes("a.csar", bytes);
        (package.name, package.version)
    }

    #[tokio::test]
    async fn the_form_is_the_one_that_atp_sends() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let good = "app_product_name: camera\napp_package_version: 2.1\n";
        let package = Package::bytes("camera.csar", archive(&[("top/x.mf", good)]));
        let client = Clients::new(&Config::defaults()).unwrap().services;
        let (request, _) = package
            .form("other", "10.0.0.2,10.0.0.3")
            .await
            .unwrap()
            .on(client.post(url));
        tokio::spawn(request.send());
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"--\r\n") {
            tokio::io::AsyncReadExt::read_buf(&mut stream, &mut seen)
                .await
                .unwrap();
        }
        let text = String::from_utf8_lossy(&seen);
        let heads: Vec<&str> = text
            .split("Content-Disposition: form-data; ")
            .skip(1)
            .map(|part| part.split("\r\n--").next().unwrap())
            .collect();
        let field = |name: &str, value: &str| {
            format!(
                "name=\"{name}\"\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{value}",
                value.len()
            )
        };
        let file = format!(
            "name=\"file\"; filename=\"camera.csar\"\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: {}\r\n\r\nPK",
            package.size()
        );
        assert!(heads[0].starts_with(&file), "{}", heads[0]);
        assert_eq!(
            heads[1..],
            [
                field("hostList", "10.0.0.2,10.0.0.3"),
                field("appPackageName", "camera"),
                field("appPackageVersion", "2.1")
            ]
        );
    }

    #[test]
    fn name_and_version_are_the_manifests_in_the_top_folder() {
        let some = |text: &str| Some(text.to_owned());
        let sample = Package::sample().unwrap();
        assert_eq!((sample.name, sample.version), (some(SAMPLE), some("1.0")));
        let good = "metadata:\r\napp_product_name: camera \r\napp_package_version: 2.1\r\n";
        assert_eq!(
            told(archive(&[("top/x.mf", good)])),
            (some("camera"), some("2.1"))
        );
        for deeper in ["x.mf", "top/TOSCA-Metadata/x.mf", "top/x.txt"] {
            assert_eq!(told(archive(&[(deeper, good)])), (None, None), "{deeper}");
        }
        let older = "metadata:\n  app_name: camera\n  app_archive_version: 2.1\n";
        assert_eq!(told(archive(&[("top/x.mf", older)])), (None, None));
        assert_eq!(told(b"no archive".to_vec()), (None, None));
    }
}
