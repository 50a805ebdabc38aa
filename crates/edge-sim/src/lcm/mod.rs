//! The LCM controller of an edge, `/lcmcontroller/v1`, as EdgeGallery v1.0's answers: which checks in which order,
//! with which texts. Errors are JSON strings, everything is `text/plain`.

mod chart;
mod configuration;
mod host;
mod instantiate;
mod package;
mod query;
mod scan;
mod terminate;
mod upload;

use http::request::Parts;
use http::{Method, StatusCode};

pub(crate) use self::configuration::{ConfigurationForm, read as read_configuration};
pub(crate) use self::upload::{Upload, read as read_upload};
use crate::call::{Input, Plain, header};
use crate::edge::Edge;
use crate::faults::Operation;
use crate::reply::Reply;
use crate::token::{self, Access, Denied};

/// A call of an LCM controller.
#[derive(Debug)]
pub(crate) enum LcmCall {
    Instantiate {
        tenant: String,
        instance: String,
    },
    Terminate {
        tenant: String,
        instance: String,
    },
    Query {
        tenant: String,
        instance: String,
    },
    Kpi {
        tenant: String,
    },
    Capabilities {
        tenant: String,
        capability: Option<String>,
    },
    AddConfiguration,
    RemoveConfiguration,
    PackageStatus {
        host: String,
        package: String,
    },
    Health,
}

impl LcmCall {
    pub(crate) fn of(method: &Method, segments: &[&str]) -> Option<Self> {
        let ["lcmcontroller", "v1", rest @ ..] = segments else {
            return None;
        };
        let text = |segment: &&str| (*segment).to_owned();
        Some(match (method.as_str(), rest) {
            ("POST", ["tenants", tenant, "app_instances", instance, "instantiate"]) => Self::Instantiate {
                tenant: text(tenant),
                instance: text(instance),
            },
            ("POST", ["tenants", tenant, "app_instances", instance, "terminate"]) => Self::Terminate {
                tenant: text(tenant),
                instance: text(instance),
            },
            ("GET", ["tenants", tenant, "app_instances", instance]) => Self::Query {
                tenant: text(tenant),
                instance: text(instance),
            },
            ("GET", ["tenants", tenant, "hosts", _, "kpi"]) => Self::Kpi { tenant: text(tenant) },
            ("GET", ["tenants", tenant, "hosts", _, "mep_capabilities"]) => Self::Capabilities {
                tenant: text(tenant),
                capability: None,
            },
            ("GET", ["tenants", tenant, "hosts", _, "mep_capabilities", id]) => Self::Capabilities {
                tenant: text(tenant),
                capability: Some(text(id)),
            },
            ("POST", ["configuration"]) => Self::AddConfiguration,
            ("DELETE", ["configuration"]) => Self::RemoveConfiguration,
            ("GET", ["hosts", host, "packages", package, "status"]) => Self::PackageStatus {
                host: text(host),
                package: text(package),
            },
            ("GET", ["health"]) => Self::Health,
            _ => return None,
        })
    }

    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::Instantiate { .. } => Operation::Instantiate,
            Self::Terminate { .. } => Operation::Terminate,
            Self::Query { .. } => Operation::Query,
            Self::Kpi { .. } => Operation::Kpi,
            Self::Capabilities { .. } => Operation::Capabilities,
            Self::AddConfiguration | Self::RemoveConfiguration => Operation::Configuration,
            Self::PackageStatus { .. } => Operation::PackageStatus,
            Self::Health => Operation::Any,
        }
    }
}

pub(crate) async fn act(edge: &Edge, call: LcmCall, parts: &Parts, input: Input) -> Reply {
    if !edge.state().takes_call() {
        return Reply::text(StatusCode::TOO_MANY_REQUESTS, "429");
    }
    let token = header(parts, "access_token");
    match (call, input) {
        (LcmCall::Instantiate { tenant, instance }, Input::Upload(upload)) => {
            instantiate::act(edge, &tenant, &instance, token, *upload).await
        }
        // A body that is no multipart form has no hostIp either; a large one is refused for its size first.
        (LcmCall::Instantiate { .. }, Input::Plain(Plain { too_large: true, .. })) => too_large(),
        (LcmCall::Instantiate { tenant, instance }, _) => {
            instantiate::act(edge, &tenant, &instance, token, Upload::default()).await
        }
        (LcmCall::Terminate { tenant, instance }, input) => {
            let large = matches!(input, Input::Plain(Plain { too_large: true, .. }));
            terminate::act(edge, &tenant, &instance, token, large).await
        }
        (LcmCall::Query { tenant, instance }, _) => query::act(edge, &tenant, &instance, token),
        (LcmCall::Kpi { tenant }, _) => host::kpi(edge, &tenant, token),
        (LcmCall::Capabilities { tenant, capability }, _) => {
            host::capabilities(edge, &tenant, capability.as_deref(), token)
        }
        (LcmCall::AddConfiguration, input) => configuration::add(edge, parts, input),
        (LcmCall::RemoveConfiguration, input) => configuration::remove(edge, parts, input),
        (LcmCall::PackageStatus { host, package }, _) => query::package_status(edge, &host, &package, token),
        (LcmCall::Health, _) => Reply::ok("ok"),
    }
}

fn too_large() -> Reply {
    Reply::error(StatusCode::BAD_REQUEST, "request body too large")
}

/// A write's token: 401, or 403 for a guest.
fn may_write(edge: &Edge, token: Option<&str>, tenant: &str) -> Result<(), (StatusCode, &'static str)> {
    token::check(token, tenant, Access::Write, edge.clock.now()).map_err(|denied| match denied {
        Denied::Unauthorized => (StatusCode::UNAUTHORIZED, "Authorization failed"),
        Denied::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
    })
}

/// A read's token: 401 whatever is wrong with it.
fn may_read(edge: &Edge, token: Option<&str>, tenant: &str) -> Result<(), Reply> {
    token::check(token, tenant, Access::Read, edge.clock.now())
        .map_err(|_| Reply::error(StatusCode::UNAUTHORIZED, "Authorization failed"))
}

/// A UUID as a v1.0 peer takes it: lower case, with its dashes.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// The 32 hex digits of a version 4 UUID.
fn is_package_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 32
        && bytes.iter().all(u8::is_ascii_hexdigit)
        && bytes[12] == b'4'
        && matches!(bytes[16], b'8' | b'9' | b'a' | b'b' | b'A' | b'B')
}

fn is_ipv4(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_as_a_v1_controller_takes_them() {
        assert!(is_uuid("1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77"));
        assert!(!is_uuid("1A5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77"));
        assert!(!is_uuid("1a5a0a3c6b6e4b0f8f4e0c2b9d6f1e77"));
        assert!(is_package_id("1a5a0a3c6b6e4b0f8f4e0c2b9d6f1e77"));
        assert!(!is_package_id("1a5a0a3c6b6e1b0f8f4e0c2b9d6f1e77"), "version 1");
        assert!(
            !is_package_id("1a5a0a3c6b6e4b0fcf4e0c2b9d6f1e77"),
            "another variant"
        );
        assert!(!is_package_id("1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77"));
    }
}
