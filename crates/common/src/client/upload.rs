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
    head: Bytes,
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
        let boundary = format!("mecm-{}", Uuid::new_v4().simple());
        let quoted = |text: &str| text.replace(['"', '\r', '\n'], "_");
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            quoted(part),
            quoted(file_name)
        );
        Self {
            boundary,
            head: head.into(),
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

    /// Makes it the body of a request.
    pub fn on(self, request: RequestBuilder) -> (RequestBuilder, Progress) {
        let mut tail = String::new();
        for (name, value) in &self.fields {
            tail.push_str(&format!(
                "\r\n--{}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}",
                self.boundary
            ));
        }
        tail.push_str(&format!("\r\n--{}--\r\n", self.boundary));
        let length = self.head.len() as u64 + self.length + tail.len() as u64;
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
        let body = stream::iter([Ok(self.head)]).chain(content).chain(last);
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
