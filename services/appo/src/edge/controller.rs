//! The LCM controller. It answers errors as one JSON string, several in a row, or nothing, always as plain text, and closes
//! the connection 10 s after a request's header, working on.

use http::StatusCode;
use mecm_common::client::call::{call, call_with};
use mecm_common::client::inventory::EdgeAddress;
use mecm_common::client::upload::Upload;
use mecm_common::client::{Answer, CallContext, CallError};
use mecm_common::models::ids::{HostIp, PackageId, TenantId};
use reqwest::Method;
use secrecy::SecretString;

use super::{CONTROLLER, Deploy, Edge, EdgeError, Instantiated, Known, Target, Terminated, clean, reason};

/// Behind a 404: the one that means unknown.
const NO_RECORD: &str = "App info record does not exist in database";
/// A wrong address, or something in between: says nothing of the instance.
const NO_PAGE: &str = "page not found";
/// An earlier request deployed it.
const RECORDED: &str = "App instance info record already exists";
/// The plugin takes one call a second, 200 in a burst.
const TOO_FAST: &str = "REFUSED_STREAM";
/// The release is gone, its keys at MEP-auth are not: to be sent again.
const KEYS_LEFT: &str = "Failed to delete app auth config request to mep";

fn instance_path(who: &Target<'_>, rest: &str) -> String {
    format!(
        "/lcmcontroller/v1/tenants/{}/app_instances/{}{rest}",
        who.tenant, who.instance
    )
}

fn peer(at: &EdgeAddress) -> String {
    format!("{CONTROLLER} {at}")
}

impl Edge {
    /// Whether the controller knows the instance.
    pub(crate) async fn knows(&self, context: &CallContext, at: &EdgeAddress, who: Target<'_>) -> Known {
        match self.query(context, at, &who).await {
            Ok(answer) => known(&answer),
            Err(error) => Known::Unclear(error.to_string()),
        }
    }

    async fn query(
        &self,
        context: &CallContext,
        at: &EdgeAddress,
        who: &Target<'_>,
    ) -> Result<Answer, CallError> {
        let path = instance_path(who, "");
        let request = self.request(context, at, Method::GET, &path, who.token)?;
        self.exchange(at, request, self.lcm, &peer(at)).await
    }

    /// Sends the package and waits for the deployment. The time of sending must be durable before.
    pub(crate) async fn instantiate(
        &self,
        context: &CallContext,
        at: &EdgeAddress,
        who: Target<'_>,
        deploy: &Deploy<'_>,
    ) -> Instantiated {
        let refused = |reason: String| Instantiated::Refused {
            reason,
            repeat_if_unknown: false,
        };
        let path = instance_path(&who, "/instantiate");
        let request = match self.request(context, at, Method::POST, &path, who.token) {
            Ok(request) => request,
            Err(error) => return refused(error.to_string()),
        };
        let file_name = format!("{}.csar", who.instance);
        let mut upload = match Upload::file("file", &file_name, deploy.csar).await {
            Ok(upload) => upload
                .field("hostIp", deploy.host.to_string())
                .field("appName", deploy.app_name),
            Err(error) => return Instantiated::NothingSent(format!("the package cannot be read: {error}")),
        };
        if taken_by_v1(deploy.package) {
            upload = upload.field("packageId", deploy.package.to_string());
        }
        let (request, progress) = upload.on(request);
        let answer = call_with(request, self.deploy, &peer(at), || progress.whole()).await;
        self.heard(at, &answer);
        match answer {
            Ok(answer) => instantiated(at, &answer),
            Err(CallError::NotAllowed(error)) => refused(error.to_string()),
            Err(error) if error.nothing_sent() => Instantiated::NothingSent(error.to_string()),
            Err(error) => Instantiated::Unanswered(error.to_string()),
        }
    }

    /// Removes the workload.
    pub(crate) async fn terminate(
        &self,
        context: &CallContext,
        at: &EdgeAddress,
        who: Target<'_>,
    ) -> Terminated {
        let path = instance_path(&who, "/terminate");
        let request = match self.request(context, at, Method::POST, &path, who.token) {
            Ok(request) => request,
            Err(error) => return Terminated::Refused(error.to_string()),
        };
        let answer = call(request, self.deploy, &peer(at)).await;
        self.heard(at, &answer);
        match answer {
            Ok(answer) => terminated(at, &answer),
            Err(CallError::NotAllowed(error)) => Terminated::Refused(error.to_string()),
            Err(error) => Terminated::Again(error.to_string()),
        }
    }

    /// What the controller tells of the workload.
    pub(crate) async fn workload(
        &self,
        context: &CallContext,
        at: &EdgeAddress,
        who: Target<'_>,
    ) -> Result<Answer, EdgeError> {
        only_ok(at, self.query(context, at, &who).await?)
    }

    /// Load of the controller's own host, whatever host is named.
    pub(crate) async fn kpi(
        &self,
        context: &CallContext,
        at: &EdgeAddress,
        tenant: TenantId,
        host: HostIp,
        token: &SecretString,
    ) -> Result<Answer, EdgeError> {
        let path = format!("/lcmcontroller/v1/tenants/{tenant}/hosts/{host}/kpi");
        self.get(context, at, &path, token).await
    }

    /// What the platform offers: all, or one by its id.
    pub(crate) async fn mep_capabilities(
        &self,
        context: &CallContext,
        at: &EdgeAddress,
        tenant: TenantId,
        host: HostIp,
        capability: Option<&str>,
        token: &SecretString,
    ) -> Result<Answer, EdgeError> {
        let one = capability.map(|id| format!("/{id}")).unwrap_or_default();
        let path = format!("/lcmcontroller/v1/tenants/{tenant}/hosts/{host}/mep_capabilities{one}");
        self.get(context, at, &path, token).await
    }

    async fn get(
        &self,
        context: &CallContext,
        at: &EdgeAddress,
        path: &str,
        token: &SecretString,
    ) -> Result<Answer, EdgeError> {
        let request = self
            .request(context, at, Method::GET, path, token)
            .map_err(CallError::from)?;
        only_ok(at, self.exchange(at, request, self.lcm, &peer(at)).await?)
    }
}

/// Whether v1.0's controller takes the id along: 32 hexadecimal digits of a version 4 UUID. It deploys and answers an error
/// to any other.
fn taken_by_v1(package: &PackageId) -> bool {
    package.0.get_version() == Some(uuid::Version::Random)
        && package.0.get_variant() == uuid::Variant::RFC4122
}

/// v1.0 takes only 200 for success.
fn only_ok(at: &EdgeAddress, answer: Answer) -> Result<Answer, EdgeError> {
    if answer.status == StatusCode::OK {
        return Ok(answer);
    }
    let peer = peer(at);
    Err(EdgeError::Refused {
        status: answer.status.as_u16(),
        text: reason(&peer, &answer),
        peer,
    })
}

/// What an answer to the query says.
pub(super) fn known(answer: &Answer) -> Known {
    let text = clean(&answer.text());
    if text.contains(NO_PAGE) {
        return Known::Unclear(text);
    }
    match answer.status {
        StatusCode::NOT_FOUND if text.contains(NO_RECORD) => Known::No,
        StatusCode::NOT_FOUND => Known::Yes,
        StatusCode::OK if text == "Failure" || is_state(answer) => Known::Yes,
        status if text.is_empty() => Known::Unclear(format!("{CONTROLLER} answered {status}")),
        _ => Known::Unclear(text),
    }
}

/// `{"pods":[…]}` or `{"status":…}`.
fn is_state(answer: &Answer) -> bool {
    let object: Result<serde_json::Map<String, serde_json::Value>, _> = answer.json();
    object.is_ok_and(|object| object.contains_key("pods") || object.contains_key("status"))
}

/// What an answer to an instantiate says.
pub(super) fn instantiated(at: &EdgeAddress, answer: &Answer) -> Instantiated {
    let reason = reason(&peer(at), answer);
    match answer.status {
        // Success is `null`; a page that something in between serves is no answer of the controller's.
        StatusCode::OK if answer.json::<serde_json::Value>().is_ok() || answer.body.is_empty() => {
            Instantiated::Done
        }
        StatusCode::OK => Instantiated::Unanswered("the answer is none of a controller".to_owned()),
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Instantiated::Unanswered(reason),
        _ if reason.contains(RECORDED) => Instantiated::Done,
        status => Instantiated::Refused {
            repeat_if_unknown: matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
            ) || reason.contains(TOO_FAST),
            reason,
        },
    }
}

/// What an answer to a terminate says.
pub(super) fn terminated(at: &EdgeAddress, answer: &Answer) -> Terminated {
    let reason = reason(&peer(at), answer);
    let gone = (reason.contains("record does not exist in database")
        || reason.contains("not found")
        || reason.contains("Release not loaded"))
        && !reason.contains(NO_PAGE);
    match answer.status {
        StatusCode::OK if answer.json::<serde_json::Value>().is_ok() || answer.body.is_empty() => {
            Terminated::Done
        }
        StatusCode::OK => Terminated::Again("the answer is none of a controller".to_owned()),
        _ if gone => Terminated::Done,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Terminated::Again(reason),
        _ if reason.contains(KEYS_LEFT) || reason.contains(TOO_FAST) => Terminated::Again(reason),
        status if status.is_server_error() && !reason.contains(NO_PAGE) => Terminated::Failed(reason),
        _ => Terminated::Refused(reason),
    }
}
