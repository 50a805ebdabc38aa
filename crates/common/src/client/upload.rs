//! A file on disk as `multipart/form-data`, streamed, with what has left.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, RequestBuilder};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

/// Read from disk at a time. A thousand uploads at once hold a thousand of these.
const CHUNK: usize = 32 * 1024;

/// A form of one file and fields after it.
#[derive(Debug)]
pub struct Upload {
    boundary: String,
    part: String,
    file_name: String,
    described: bool,
    content: Content,
    length: u64,
    fields: Vec<(&'static str, String)>,
}

#[derive(Debug)]
enum Content {
    File(tokio::fs::File),
    Bytes(Bytes),
}

/// Whether the whole form has been handed to the connection. If it was not, the peer cannot have read it whole.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicBool>);

impl Progress {
    /// Whether all of it is out, or about to be.
    pub fn whole(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Upload {
    /// A file on disk as the part `part`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn file(part: &str, file_name: &str, path: &Path) -> io::Result<Self> {
        let file = tokio::fs::File::open(path).await?;
        let length = file.metadata().await?.len();
        Ok(Self::new(part, file_name, Content::File(file), length))
    }

    /// Bytes in memory as the part `part`.
    pub fn bytes(part: &str, file_name: &str, bytes: Bytes) -> Self {
        let length = bytes.len() as u64;
        Self::new(part, file_name, Content::Bytes(bytes), length)
    }

    fn new(part: &str, file_name: &str, content: Content, length: u64) -> Self {
        let quoted = |text: &str| text.replace(['"', '\r', '\n'], "_");
        Self {
            boundary: format!("mecm-{}", Uuid::new_v4().simple()),
            part: quoted(part),
            file_name: quoted(file_name),
            described: false,
            content,
            length,
            fields: Vec::new(),
        }
    }

    /// With one more text field, after the file and the fields before.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// With each part's own type and length in its header, as Spring's clients write them.
    #[must_use]
    pub fn described(mut self) -> Self {
        self.described = true;
        self
    }

    /// Makes it the body of a request.
    pub fn on(self, request: RequestBuilder) -> (RequestBuilder, Progress) {
        let boundary = &self.boundary;
        let length_of = |bytes: u64| {
            if self.described {
                format!("Content-Length: {bytes}\r\n")
            } else {
                String::new()
            }
        };
        let head = Bytes::from(format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n{}\r\n",
            self.part,
            self.file_name,
            length_of(self.length)
        ));
        let mut tail = String::new();
        for (name, value) in &self.fields {
            let described = if self.described {
                "Content-Type: text/plain;charset=UTF-8\r\n"
            } else {
                ""
            };
            tail.push_str(&format!(
                "\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n{described}{}\r\n{value}",
                length_of(value.len() as u64)
            ));
        }
        tail.push_str(&format!("\r\n--{boundary}--\r\n"));
        let length = head.len() as u64 + self.length + tail.len() as u64;
        let content: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> = match self.content {
            Content::File(file) => Box::pin(ReaderStream::with_capacity(file, CHUNK)),
            Content::Bytes(bytes) => Box::pin(stream::iter([Ok(bytes)])),
        };
        let progress = Progress::default();
        let done = progress.clone();
        let last = stream::once(async move {
            done.0.store(true, Ordering::Release);
            Ok(Bytes::from(tail))
        });
        let body = stream::iter([Ok(head)]).chain(content).chain(last);
        let request = request
            .header(
                CONTENT_TYPE,
                format!("multipart/form-data; boundary={}", self.boundary),
            )
            .header(CONTENT_LENGTH, length)
            .body(Body::wrap_stream(body));
        (request, progress)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::client::Clients;
    use crate::config::Config;

    /// The form as it goes out, with `B` for its boundary.
    async fn written(upload: Upload) -> String {
        let client = Clients::new(&Config::defaults()).unwrap().services;
        let (request, progress) = upload.on(client.post("http://127.0.0.1/"));
        let mut request = request.build().unwrap();
        let boundary = request.headers()[CONTENT_TYPE].to_str().unwrap();
        let boundary = boundary.split_once("boundary=").unwrap().1.to_owned();
        let length = request.headers()[CONTENT_LENGTH].to_str().unwrap().to_owned();
        let body = request.body_mut().take().unwrap();
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(length, body.len().to_string());
        assert!(progress.whole());
        String::from_utf8(body.to_vec())
            .unwrap()
            .replace(&boundary, "B")
            .replace("\r\n", "\n")
    }

    fn upload() -> Upload {
        Upload::bytes("file", "a.csar", Bytes::from_static(b"zip")).field("hostList", "10.0.0.2")
    }

    #[tokio::test]
    async fn the_file_goes_first_and_the_fields_after_it() {
        assert_eq!(
            written(upload()).await,
            "--B\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csar\"\n\
             Content-Type: application/octet-stream\n\nzip\n\
             --B\nContent-Disposition: form-data; name=\"hostList\"\n\n10.0.0.2\n--B--\n"
        );
    }

    #[tokio::test]
    async fn parts_may_say_their_type_and_length() {
        assert_eq!(
            written(upload().described()).await,
            "--B\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csar\"\n\
             Content-Type: application/octet-stream\nContent-Length: 3\n\nzip\n\
             --B\nContent-Disposition: form-data; name=\"hostList\"\n\
             Content-Type: text/plain;charset=UTF-8\nContent-Length: 8\n\n10.0.0.2\n--B--\n"
        );
    }
}
