//! Listening, TLS, and stopping without dropping anybody.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::Request;
use axum::{Router, ServiceExt};
use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use tokio_util::sync::CancellationToken;
use tower::Layer;
use tower_http::normalize_path::NormalizePathLayer;

use super::Limits;
use crate::tls::ServerTls;

/// A listener that is bound but does not answer yet: its port is known before anything starts.
#[derive(Debug)]
pub struct Listener(std::net::TcpListener);

/// Where a listener is bound.
pub type Bound = SocketAddr;

/// Why a service could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error(
        "cannot listen on {address}; is another process using it, or is it not an address of this machine?"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The server stopped by itself.
    #[error("the server stopped")]
    Stopped(#[source] io::Error),
}

/// Binds the address; port 0 takes any free one.
pub fn bind(address: SocketAddr) -> Result<Listener, ServeError> {
    std::net::TcpListener::bind(address)
        .map(Listener)
        .map_err(|source| ServeError::Bind { address, source })
}

impl Listener {
    /// Where it is bound.
    pub fn address(&self) -> io::Result<Bound> {
        self.0.local_addr()
    }
}

/// Serves until `stop`; then takes no new connection, lets requests under way finish for `grace`, and returns.
pub async fn serve(
    listener: Listener,
    router: Router,
    limits: Limits,
    tls: Option<&ServerTls>,
    stop: CancellationToken,
    grace: Duration,
) -> Result<(), ServeError> {
    let patience = Duration::from_secs(limits.read_seconds);
    let handle = Handle::new();
    let stopping = {
        let handle = handle.clone();
        tokio::spawn(async move {
            stop.cancelled().await;
            handle.graceful_shutdown(Some(grace));
        })
    };
    // Outside the router: the route must not have been looked up before the slash is gone.
    let app = NormalizePathLayer::trim_trailing_slash().layer(router);
    let make = ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(app);
    let served = match tls {
        None => {
            let mut server = axum_server::from_tcp(listener.0)
                .map_err(ServeError::Stopped)?
                .handle(handle)
                .first_request_timeout(patience);
            tune(server.http_builder(), patience, limits.header);
            server.serve(make).await
        }
        Some(tls) => {
            let mut server = axum_server::from_tcp_rustls(listener.0, tls.config())
                .map_err(ServeError::Stopped)?
                .handle(handle)
                .first_request_timeout(patience);
            tune(server.http_builder(), patience, limits.header);
            server.serve(make).await
        }
    };
    stopping.abort();
    served.map_err(ServeError::Stopped)
}

/// What a request line may have beside the header: the longest filter, a thousand ids, each with the parameter's name.
const REQUEST_LINE: usize = 64 * 1024;

/// Bounds what a connection may cost before a request is there: `patience` for its line and its header. The header, of so
/// many `bytes`, is measured for itself once it is read ([`Observe`](super::layers::Observe)), so that who sent too much is
/// told so as of any error.
fn tune(
    builder: &mut hyper_util::server::conn::auto::Builder<hyper_util::rt::TokioExecutor>,
    patience: Duration,
    bytes: usize,
) {
    let bytes = bytes.saturating_add(REQUEST_LINE);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        // A client that is gone without a word does not keep its connection.
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience)
        .max_header_list_size(u32::try_from(bytes).unwrap_or(u32::MAX));
}
