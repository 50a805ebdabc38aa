//! The one error type that becomes an HTTP answer.
//!
//! What the client may see (status, message, details) and what only the log may see (the cause) are separate fields.
//! A handler returns it; the outermost layer ([`super::layers`]) writes the body, because only that knows the path and
//! the request id, and logs the cause once.

use std::error::Error;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::db::DbError;

/// An error on its way to the client.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// What happened, for a person; makes sense alone (the portal shows it).
    pub message: String,
    /// At least one text; the first is compared by clients.
    pub details: Vec<String>,
    /// Seconds for a `Retry-After` header.
    pub retry_after: Option<u64>,
    /// For the log alone.
    pub cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// An error whose details are its message, as the interface has it where no details are named.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            status,
            code,
            details: vec![message.clone()],
            message,
            retry_after: None,
            cause: None,
        }
    }

    /// The same with other details.
    #[must_use]
    pub fn details(mut self, details: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.details = details.into_iter().map(Into::into).collect();
        self
    }

    /// The same with a cause for the log.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(Arc::from(cause.into()));
        self
    }

    /// 400 `input validation failed`: one text per broken constraint, in field order.
    pub fn invalid(details: Vec<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_input",
            "input validation failed",
        )
        .details(details)
    }

    /// 400 for a path or query parameter that breaks its pattern.
    pub fn invalid_parameter(name: &str) -> Self {
        Self::invalid(vec![
            "URL parameter validation failed".to_owned(),
            name.to_owned(),
        ])
    }

    /// 400 for a multipart part or form field that is not there.
    pub fn missing_part(name: &str) -> Self {
        Self::invalid(vec![format!("Required part '{name}' is not present")])
    }

    /// 400 `malformed request body`: where and why.
    pub fn malformed(why: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "malformed_body",
            "malformed request body",
        )
        .details([why.into()])
    }

    /// 400 `Illegal argument` with one text.
    pub fn illegal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "illegal_argument", "Illegal argument").details([detail.into()])
    }

    /// 400 for a record that is there already.
    pub fn already_exists() -> Self {
        let mut error = Self::illegal("Record already exist");
        error.code = "record_exists";
        error
    }

    /// 404 for a record, or a list of records, that is not there.
    pub fn not_found() -> Self {
        Self::no_such_element("Record not found")
    }

    /// 404 `No such element` with another text.
    pub fn no_such_element(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "record_not_found", "No such element").details([detail.into()])
    }

    /// 409 for a quota that is reached; `which` names it and its value.
    pub fn quota(which: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "quota_reached", "Max record limit exceeded").details([which.into()])
    }

    /// 412 with the text that says which precondition does not hold.
    pub fn precondition(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", message)
    }

    /// 413 for a JSON body over `limit` bytes.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("request content exceeded limit of {limit}");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
    }

    /// 431 for a header over `limit` bytes.
    pub fn header_too_large(limit: usize) -> Self {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Self::new(status, "header_too_large", "Request Header Fields Too Large")
            .details([format!("request header exceeded limit of {limit}")])
    }

    /// 429: too much is asked at once; a moment later it may go.
    pub fn too_many_requests() -> Self {
        let mut error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "Too Many Requests",
        );
        error.retry_after = Some(1);
        error
    }

    /// 502 for a peer that is down or answers badly: which peer and what happened. The portal shows the message.
    pub fn bad_gateway(what: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "bad_gateway", what)
    }

    /// 504 for a peer that is too slow.
    pub fn gateway_timeout(what: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "gateway_timeout", what)
    }

    /// 507: no room left on the disk, nothing was written.
    pub fn disk_full(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "disk_full",
            "Insufficient Storage",
        )
        .cause(cause)
    }

    /// 503 for a service that cannot work right now and will again.
    pub fn unavailable(what: impl Into<String>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let mut error = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Service Unavailable",
        )
        .details([what.into()])
        .cause(cause);
        error.retry_after = Some(1);
        error
    }

    /// 500 for what nobody foresaw; the cause goes to the log under the request id.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Error while processing request",
        )
        .details(["Internal server error while processing request"])
        .cause(cause)
    }

    /// An error of an input/output call on our own disk: a full disk is told as such.
    pub fn from_io(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::disk_full(error),
            _ => Self::internal(error),
        }
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        Self::from(Arc::new(error))
    }
}

impl From<Arc<DbError>> for ApiError {
    fn from(error: Arc<DbError>) -> Self {
        match *error {
            DbError::Full(_) => Self::disk_full(error),
            DbError::Unavailable(_) | DbError::Conflict(_) => {
                Self::unavailable("the database does not answer; try again", error)
            }
            DbError::Duplicate(_) => {
                let exists = Self::already_exists();
                exists.cause(error)
            }
            _ => Self::internal(error),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What a handler gives back.
pub type ApiResult<T> = Result<T, ApiError>;
