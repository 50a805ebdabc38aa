//! Calls to the LCM controller of a host: its Kubernetes configuration is passed on to it. The controller is EdgeGallery
//! v1.0's, so what it is sent has that one's form.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use mecm_common::client::upload::Upload;
use mecm_common::client::{Answer, CallContext, CallError, Clients, Egress, call};
use mecm_common::config::{Config, Scheme};
use mecm_common::models::ids::HostIp;
use mecm_common::service::ApiError;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};

/// What the file is called there: the controller refuses names with an extension, and takes `10.0.0.2` for one.
const FILE_NAME: &str = "kubeconfig";
/// The most of a refusal's text that is passed on, in characters.
const MAX_REASON: usize = 1000;

/// How LCM controllers are called. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Controllers {
    client: reqwest::Client,
    egress: Egress,
    scheme: Scheme,
    time: Duration,
}

/// A controller, and as whom and for what it is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) ip: HostIp,
    pub(crate) port: &'a str,
    /// The host whose configuration it is.
    pub(crate) host: HostIp,
    pub(crate) token: &'a SecretString,
    pub(crate) context: &'a CallContext,
}

/// Why a controller did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControllerError {
    /// There is no answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It refused.
    #[error("{peer} answered {}", status.as_u16())]
    Refused {
        peer: String,
        status: StatusCode,
        /// Its words, or what else can be said.
        text: String,
    },
}

impl From<ControllerError> for ApiError {
    /// Never the controller's own status: a 401 of its would log the portal's user out.
    fn from(error: ControllerError) -> Self {
        match &error {
            ControllerError::Call(call) if call.timed_out() => Self::gateway_timeout(call.to_string()),
            ControllerError::Call(call) => Self::bad_gateway(call.to_string()),
            ControllerError::Refused { text, .. } => {
                Self::bad_gateway(error.to_string()).details([text.clone()])
            }
        }
        .cause(error)
    }
}

impl Controllers {
    pub(crate) fn new(clients: &Clients, config: &Config) -> Self {
        Self {
            client: clients.edges.clone(),
            egress: clients.egress.clone(),
            scheme: config.peers.edge_scheme,
            time: Duration::from_secs(config.peers.lcm_seconds),
        }
    }

    /// Gives the controller the Kubernetes configuration by which it reaches a host.
    ///
    /// # Errors
    /// [`ControllerError`].
    pub(crate) async fn configure(&self, target: Target<'_>, file: Bytes) -> Result<Answer, ControllerError> {
        let request = self.request(target, Method::POST, "")?;
        let upload = Upload::bytes("configFile", FILE_NAME, file).field("hostIp", target.host.to_string());
        let (request, _) = upload.on(request);
        self.send(target, request).await
    }

    /// Takes that configuration away from it.
    ///
    /// # Errors
    /// [`ControllerError`].
    pub(crate) async fn forget(&self, target: Target<'_>) -> Result<Answer, ControllerError> {
        // In the query: the controller reads no form of a DELETE.
        let request = self.request(target, Method::DELETE, &format!("?hostIp={}", target.host))?;
        self.send(target, request).await
    }

    /// The address of the controller comes from a record: it is judged first.
    fn request(&self, target: Target<'_>, method: Method, query: &str) -> Result<RequestBuilder, CallError> {
        let Target { ip, port, .. } = target;
        self.egress.check(&ip.to_string())?;
        let url = format!(
            "{}://{ip}:{port}/lcmcontroller/v1/configuration{query}",
            self.scheme.as_str()
        );
        let request = self
            .client
            .request(method, url)
            .header("access_token", target.token.expose_secret())
            .header("X-Real-IP", own_address(ip).to_string());
        Ok(target.context.on(request))
    }

    async fn send(&self, target: Target<'_>, request: RequestBuilder) -> Result<Answer, ControllerError> {
        let peer = format!("the LCM controller {}:{}", target.ip, target.port);
        let answer = call(request, self.time, &peer).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let text: String = answer.text().chars().take(MAX_REASON).collect();
        let status = answer.status;
        let text = if text.is_empty() {
            format!("{peer} answered {} without a word", status.as_u16())
        } else {
            text
        };
        Err(ControllerError::Refused { peer, status, text })
    }
}

/// The address that this service has on the way to `peer`: the controller wants to be told, and takes IPv4 alone. Where
/// there is no way the call will say so.
fn own_address(peer: HostIp) -> Ipv4Addr {
    // Connecting a datagram socket sends nothing; it asks the system which way it would go.
    let own = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((peer.0, 9))?;
        socket.local_addr()
    });
    match own {
        Ok(SocketAddr::V4(own)) => *own.ip(),
        _ => Ipv4Addr::LOCALHOST,
    }
}
