//! An answer, and the ways in which the simulated peers write theirs.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION, SERVER};
use http::{Response, StatusCode};
use http_body_util::Full;

/// The content type of a v1.0 controller and rule manager, for JSON too.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// The content type of the platform.
const JSON: &str = "application/json";

/// What goes back to the caller.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
    pub(crate) location: Option<String>,
}

impl Reply {
    /// A body as it is, as plain text.
    pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: TEXT,
            body: body.into(),
            location: None,
        }
    }

    /// 200 with this body, as plain text: how a v1.0 controller answers.
    pub(crate) fn ok(body: impl Into<Bytes>) -> Self {
        Self::text(StatusCode::OK, body)
    }

    /// What something in front of a peer says: a web page, or what looks like an answer of the peer.
    pub(crate) fn page(status: StatusCode, body: impl Into<Bytes>) -> Self {
        let reply = Self::text(status, body);
        let content_type = if reply.body.starts_with(b"<") {
            "text/html"
        } else {
            TEXT
        };
        Self {
            content_type,
            ..reply
        }
    }

    /// An error of a v1.0 controller: one JSON string.
    pub(crate) fn error(status: StatusCode, text: &str) -> Self {
        Self::text(status, quoted(text))
    }

    /// JSON that says so.
    pub(crate) fn json(status: StatusCode, value: &impl serde::Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("our own answers have text keys only");
        Self {
            status,
            content_type: JSON,
            body: body.into(),
            location: None,
        }
    }

    /// A status alone.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self::text(status, Bytes::new())
    }

    /// What a v1.0 controller says where it has no such path.
    pub(crate) fn page_not_found() -> Self {
        Self::text(StatusCode::NOT_FOUND, "404 page not found\n")
    }

    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(SERVER, HeaderValue::from_static("mecm-edge-sim"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some(location) = self.location.and_then(|to| HeaderValue::try_from(to).ok()) {
            headers.insert(LOCATION, location);
        }
        response
    }
}

/// The text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The errors that a v1.0 controller writes while it works on: the first decides the status, all stand in the body.
#[derive(Debug, Default)]
pub(crate) struct Said {
    status: Option<StatusCode>,
    body: String,
    last: String,
}

impl Said {
    pub(crate) fn say(&mut self, status: StatusCode, text: &str) {
        self.status.get_or_insert(status);
        self.last = quoted(text);
        self.body.push_str(&self.last);
    }

    /// The answer of a call that ends here, with this error.
    pub(crate) fn fail(mut self, status: StatusCode, text: &str) -> Reply {
        self.say(status, text);
        Reply::text(self.status.unwrap_or(status), self.body)
    }

    /// The answer of a call that went well; where errors were said on the way it writes the last of them once more.
    pub(crate) fn done(self) -> Reply {
        match self.status {
            None => Reply::ok("null"),
            Some(status) => Reply::text(status, self.body + &self.last),
        }
    }
}
