//! What is passed on to every call that is made for a request or a job.

use reqwest::RequestBuilder;
use uuid::Uuid;

use crate::service::RequestInfo;

/// The longest id that is passed on, so that a suffix fits.
const ID_CHARS: usize = 100;

/// The ids under which the logs of all services tell one story.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// Of the request that started it.
    pub request_id: String,
    /// The caller's trace context.
    pub traceparent: Option<String>,
}

impl CallContext {
    /// The context of a request id: a job carries that of the request that made it.
    pub fn new(request_id: impl Into<String>) -> Self {
        Self {
            request_id: request_id.into(),
            traceparent: None,
        }
    }

    /// A call that no request stands behind: background work.
    pub fn background() -> Self {
        Self::new(Uuid::new_v4().to_string())
    }

    /// Puts the ids on a request.
    pub fn on(&self, request: RequestBuilder) -> RequestBuilder {
        self.trace(request.header("x-request-id", &self.request_id))
    }

    /// Puts the trace context alone on a request; a signed one has an id of its own ([`CallContext::unique_id`]).
    pub fn trace(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.traceparent {
            Some(traceparent) => request.header("traceparent", traceparent),
            None => request,
        }
    }

    /// The id with a suffix that no other call has: it is signed, so that two equal calls in one second differ.
    pub fn unique_id(&self) -> String {
        let id: String = self.request_id.chars().take(ID_CHARS).collect();
        let suffix = Uuid::new_v4().simple().to_string();
        format!("{id}.{}", &suffix[..12])
    }
}

impl From<&RequestInfo> for CallContext {
    fn from(info: &RequestInfo) -> Self {
        Self {
            request_id: info.request_id.clone(),
            traceparent: info.traceparent.clone(),
        }
    }
}
