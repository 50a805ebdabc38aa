//! An upload's form, read as it streams: the file goes to disk as it comes, whatever part comes first.

mod measured;

use bytes::Bytes;
use futures::Stream;
use mecm_common::service::room::{Held, Room};
use mecm_common::service::{ApiError, broken_body};
use multer::{Constraints, Field, Multipart, SizeLimit};
use percent_encoding::percent_decode_str;

use crate::blobs::{Blobs, Incoming};
use measured::{Measured, Taken};

/// The longest text field; `hostList` may name thousands of hosts.
const FIELD_BYTES: usize = 1024 * 1024;
/// Parts beyond the four that are wanted, which are passed over.
const PARTS: usize = 64;

/// What came.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) hosts: Option<String>,
    /// The file, all of it written, and the name it came under.
    pub(super) file: Option<(String, Incoming)>,
    /// What the texts take of the room for bodies.
    held: Option<Held>,
}

impl Form {
    /// Keeps a text under its form name, unless there is one.
    pub(super) fn set(&mut self, name: &str, text: &str) {
        let place = match name {
            "appPackageName" => &mut self.name,
            "appPackageVersion" => &mut self.version,
            "hostList" => &mut self.hosts,
            _ => return,
        };
        place.get_or_insert_with(|| text.to_owned());
    }
}

/// Reads the form. The file is refused as soon as its name is, or it is larger than `limit`.
pub(super) async fn read<S>(
    body: S,
    boundary: &str,
    blobs: &Blobs,
    limit: u64,
    room: &Room,
) -> Result<Form, ApiError>
where
    S: Stream<Item = Result<Bytes, axum::Error>> + Send + Unpin,
{
    // Bounds of our own, below, tell which part it was; this one is the net under them.
    let most = limit.saturating_add((PARTS * FIELD_BYTES) as u64);
    let constraints = Constraints::new().size_limit(SizeLimit::new().whole_stream(most));
    let (body, taken) = Measured::new(body);
    let mut parts = Multipart::with_constraints(body, boundary, constraints);
    let mut form = Form::default();
    let mut count = 0;
    while let Some(mut part) = parts.next_field().await.map_err(broken)? {
        taken.note();
        count += 1;
        if count > PARTS {
            return Err(ApiError::malformed(format!("a form of more than {PARTS} parts")));
        }
        match part.name().map(str::to_owned).as_deref() {
            Some("file") if form.file.is_some() => {
                return Err(ApiError::malformed("the form has two parts 'file'"));
            }
            Some("file") => form.file = Some(file(part, blobs, limit, &taken).await?),
            Some(name @ ("appPackageName" | "appPackageVersion" | "hostList")) => {
                let name = name.to_owned();
                let held = form.held.get_or_insert_with(|| room.nothing());
                let text = text(part, &name, &taken, held).await?;
                form.set(&name, &text);
            }
            _ => {
                while part.chunk().await.map_err(broken)?.is_some() {
                    taken.note();
                }
            }
        }
    }
    Ok(form)
}

async fn text(mut part: Field<'_>, name: &str, taken: &Taken, held: &mut Held) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(broken)? {
        taken.note();
        if bytes.len() + chunk.len() > FIELD_BYTES {
            return Err(ApiError::too_large(FIELD_BYTES));
        }
        held.more(chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| ApiError::malformed(format!("the part '{name}' is no UTF-8 text")))
}

async fn file(
    mut part: Field<'_>,
    blobs: &Blobs,
    limit: u64,
    taken: &Taken,
) -> Result<(String, Incoming), ApiError> {
    let raw = extended_name(&part)
        .or_else(|| part.file_name().map(str::to_owned))
        .unwrap_or_default();
    let refused = |text: String| ApiError::new(http::StatusCode::BAD_REQUEST, "invalid_file_name", text);
    let name = mecm_csar::file_name(&raw).map_err(|error| refused(error.to_string()))?;
    let mut incoming = blobs.receive().await.map_err(ApiError::from_io)?;
    while let Some(chunk) = part.chunk().await.map_err(broken)? {
        taken.note();
        if incoming.size() + chunk.len() as u64 > limit {
            let text = format!("{raw} :fileSize is too big");
            return Err(ApiError::new(
                http::StatusCode::PAYLOAD_TOO_LARGE,
                "package_too_large",
                text,
            ));
        }
        incoming.write(&chunk).await.map_err(ApiError::from_io)?;
    }
    Ok((name, incoming))
}

/// The name in `filename*` (RFC 5987), which some clients send for names beyond ASCII.
fn extended_name(part: &Field<'_>) -> Option<String> {
    let header = part.headers().get(http::header::CONTENT_DISPOSITION)?;
    let header = std::str::from_utf8(header.as_bytes()).ok()?;
    let value = attributes(header).find_map(|attribute| {
        let (name, value) = attribute.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("filename*")
            .then(|| value.trim())
    })?;
    let (charset, rest) = value.trim_matches('"').split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    percent_decode_str(encoded)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

/// The attributes of a header: apart at semicolons, but for those in quotes.
fn attributes(header: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    header.split(move |c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' => return !quoted,
            _ => {}
        }
        false
    })
}

/// A form that cannot be read, or a body that did not come whole.
fn broken(error: multer::Error) -> ApiError {
    match error {
        multer::Error::StreamReadFailed(cause) if cause.is::<measured::NoPart>() => {
            ApiError::malformed(cause.to_string())
        }
        multer::Error::StreamReadFailed(cause) => broken_body(cause.as_ref()),
        multer::Error::StreamSizeExceeded { limit } => {
            ApiError::too_large(usize::try_from(limit).unwrap_or(usize::MAX))
        }
        other => ApiError::malformed(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
