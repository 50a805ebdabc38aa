//! The instantiate request's multipart form, read as it arrives: of the package only what the checks need stays.

use bytes::Bytes;
use futures::TryStreamExt;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body_util::BodyStream;
use hyper::body::Incoming;
use multer::{Field, Multipart};

use super::package::Package;
use super::scan::Scanner;
use crate::call::{Input, header, plain};
use crate::edge::Edge;

/// The most that is read of a text field.
const FIELD_LIMIT: usize = 4096;

/// What came with an instantiate request.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    pub(crate) file: Option<UploadedFile>,
    pub(crate) host: Option<String>,
    pub(crate) app_name: Option<String>,
    pub(crate) package_id: Option<String>,
}

#[derive(Debug)]
pub(crate) struct UploadedFile {
    pub(crate) name: String,
    /// `None`: no archive.
    pub(crate) package: Option<Package>,
}

/// Reads the form. `None`: it broke off, and nothing happens.
pub(crate) async fn read(edge: &Edge, parts: &Parts, body: Incoming) -> Option<Input> {
    let Some(form) = multipart(parts) else {
        return plain(body).await;
    };
    match read_form(form, body).await {
        Ok(upload) => {
            edge.state().counts.uploads += 1;
            Some(Input::Upload(Box::new(upload)))
        }
        Err(error) => {
            tracing::debug!(edge = %edge.ip, %error, "an upload broke off");
            edge.state().counts.broken_uploads += 1;
            None
        }
    }
}

/// The boundary, where the body is a multipart form.
pub(crate) fn multipart(parts: &Parts) -> Option<String> {
    header(parts, CONTENT_TYPE.as_str()).and_then(|value| multer::parse_boundary(value).ok())
}

/// The form over a request's body.
pub(crate) fn form(boundary: String, body: Incoming) -> Multipart<'static> {
    let data = BodyStream::new(body)
        .try_filter_map(|frame| async { Ok::<Option<Bytes>, hyper::Error>(frame.into_data().ok()) });
    Multipart::new(data, boundary)
}

async fn read_form(boundary: String, body: Incoming) -> multer::Result<Upload> {
    let mut form = form(boundary, body);
    let mut upload = Upload::default();
    while let Some(mut field) = form.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        match (name.as_str(), field.file_name().map(str::to_owned)) {
            ("file", Some(file_name)) => {
                let mut scanner = Scanner::default();
                while let Some(chunk) = field.chunk().await? {
                    scanner.feed(&chunk);
                }
                let package = scanner.finish().map(Package::judge);
                upload.file.get_or_insert(UploadedFile {
                    name: file_name,
                    package,
                });
            }
            ("hostIp", _) => upload.host = text(field).await?,
            ("appName", _) => upload.app_name = text(field).await?,
            ("packageId", _) => upload.package_id = text(field).await?,
            _ => while field.chunk().await?.is_some() {},
        }
    }
    Ok(upload)
}

/// A field's text; nothing of one that is too long or no text.
pub(crate) async fn text(mut field: Field<'_>) -> multer::Result<Option<String>> {
    let mut read = Vec::new();
    while let Some(chunk) = field.chunk().await? {
        let room = (FIELD_LIMIT + 1).saturating_sub(read.len()).min(chunk.len());
        read.extend_from_slice(&chunk[..room]);
    }
    Ok(if read.len() > FIELD_LIMIT {
        None
    } else {
        String::from_utf8(read).ok()
    })
}
