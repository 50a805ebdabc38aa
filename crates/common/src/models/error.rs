//! The body of every error answer of every service.

use serde::{Deserialize, Serialize};

/// One shape for all errors: the union of the two that EdgeGallery v1.0 used.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// When the error was answered: UTC, no zone.
    #[schema(example = "2026-11-23T06:41:00.123")]
    pub timestamp: String,
    /// The HTTP status, again.
    #[schema(example = 404)]
    pub status: u16,
    /// The standard phrase of the status.
    #[schema(example = "Not Found")]
    pub error: String,
    /// What happened, for a person; makes sense alone.
    #[schema(example = "No such element")]
    pub message: String,
    /// At least one text; the portal compares the first exactly.
    pub details: Vec<String>,
    /// The path of the request.
    pub path: String,
    /// The id under which the log tells more.
    pub request_id: String,
    /// A stable word for programs, such as `record_not_found`.
    pub code: String,
    /// The message once more, on APPO's errors: the portal shows this member of a 412.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
}
