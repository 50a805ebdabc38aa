//! `POST` and `DELETE /configuration`: the Kubernetes configuration by which the plugin reaches a host.

use http::StatusCode;
use http::request::Parts;
use hyper::body::Incoming;

use super::package::yaml;
use super::upload::{form, multipart, text};
use super::{is_ipv4, may_write};
use crate::call::{Input, Plain, header, plain};
use crate::edge::Edge;
use crate::reply::Reply;

/// A configuration of this size or more is refused.
const TOO_BIG: usize = 5 * 1024 * 1024;
const LONGEST_FILE_NAME: usize = 64;

/// The multipart form of a configuration.
#[derive(Debug, Default)]
pub(crate) struct ConfigurationForm {
    host: Option<String>,
    file: Option<File>,
}

#[derive(Debug)]
struct File {
    name: String,
    /// Cut at the size that is refused.
    text: Vec<u8>,
}

/// Reads the form. `None`: it broke off.
pub(crate) async fn read(parts: &Parts, body: Incoming) -> Option<Input> {
    let Some(boundary) = multipart(parts) else {
        return plain(body).await;
    };
    let mut form = form(boundary, body);
    let mut read = ConfigurationForm::default();
    while let Some(mut field) = form.next_field().await.ok()? {
        match (
            field.name().unwrap_or_default(),
            field.file_name().map(str::to_owned),
        ) {
            ("configFile", Some(name)) => {
                let mut text = Vec::new();
                while let Some(chunk) = field.chunk().await.ok()? {
                    let room = TOO_BIG.saturating_sub(text.len()).min(chunk.len());
                    text.extend_from_slice(&chunk[..room]);
                }
                read.file = Some(File { name, text });
            }
            ("hostIp", _) => read.host = text(field).await.ok()?,
            _ => while field.chunk().await.ok()?.is_some() {},
        }
    }
    Some(Input::Configuration(read))
}

/// `POST /configuration`.
pub(crate) fn add(edge: &Edge, parts: &Parts, input: Input) -> Reply {
    let (host, file) = match check(edge, parts, input) {
        Ok(checked) => checked,
        Err(reply) => return reply,
    };
    let bad = |text| Reply::error(StatusCode::BAD_REQUEST, text);
    let Some(file) = file else {
        return bad("Upload config file error");
    };
    // Whatever follows a dot is an extension, so an address has one.
    if file.name.contains('.') || file.name.len() > LONGEST_FILE_NAME {
        return bad("File shouldn't contains any extension or filename is larger than max size");
    }
    if file.text.len() >= TOO_BIG {
        return bad("File size is larger than max size");
    }
    if yaml(&file.text).is_none() {
        return bad("KubeConfig file validation is failed");
    }
    edge.state().configured_hosts.insert(host);
    Reply::ok("null")
}

/// `DELETE /configuration`.
pub(crate) fn remove(edge: &Edge, parts: &Parts, input: Input) -> Reply {
    match check(edge, parts, input) {
        Ok((host, _)) => {
            edge.state().configured_hosts.remove(&host);
            Reply::ok("null")
        }
        Err(reply) => reply,
    }
}

/// Caller, token, host.
fn check(edge: &Edge, parts: &Parts, input: Input) -> Result<(String, Option<File>), Reply> {
    let form = match input {
        Input::Configuration(form) => form,
        Input::Plain(Plain { too_large: true, .. }) => return Err(super::too_large()),
        _ => ConfigurationForm::default(),
    };
    if !header(parts, "x-real-ip").is_some_and(is_ipv4) {
        // The word is spelt so.
        return Err(Reply::error(
            StatusCode::BAD_REQUEST,
            "cientIp address is invalid",
        ));
    }
    may_write(edge, header(parts, "access_token"), "")
        .map_err(|(status, text)| Reply::error(status, text))?;
    let in_query = || {
        let pairs = parts.uri.query()?.split('&');
        pairs
            .filter_map(|pair| pair.strip_prefix("hostIp="))
            .map(str::to_owned)
            .next()
    };
    match form.host.or_else(in_query).filter(|host| is_ipv4(host)) {
        Some(host) => Ok((host, form.file)),
        None => Err(Reply::error(StatusCode::BAD_REQUEST, "HostIp address is invalid")),
    }
}
