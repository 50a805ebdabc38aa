//! Listeners and connections: HTTP/1.1 with keep-alive, closed when a v1.0 server would close them.

use std::future::pending;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call::{self, Call, Peer};
use crate::control;
use crate::edge::Edge;
use crate::faults::Fault;
use crate::reply::Reply;
use crate::simulator::Edges;

/// No request, no connection: far enough ahead never to come.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What the listeners and connections of a simulator share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) edges: Edges,
    pub(crate) close_after: Duration,
    /// Ends the listeners, and lets connections end after the answer they are at.
    pub(crate) stopping: CancellationToken,
    /// Ends everything at once.
    pub(crate) stopped: CancellationToken,
    /// Connections and the work that outlives them.
    pub(crate) tasks: TaskTracker,
}

/// Takes connections until the simulator stops. Those that did not come over the loopback network are dropped: the
/// simulator listens on every address only because that is how one listener serves all of 127.0.0.0/8.
pub(crate) async fn listen(listener: TcpListener, peer: Peer, shared: Arc<Shared>) {
    loop {
        let accepted = tokio::select! {
            () = shared.stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "no connection could be taken; trying again");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(ip) = loopback_address(&stream) else {
            continue;
        };
        let Some(edge) = shared.edges.get(ip) else {
            continue;
        };
        if edge.is_down() {
            // Closed with a reset, as near to a refused connection as a listener for all edges gets.
            let _ = stream.set_zero_linger();
            continue;
        }
        let shared = Arc::clone(&shared);
        shared.tasks.clone().spawn(connection(stream, edge, peer, shared));
    }
}

fn loopback_address(stream: &TcpStream) -> Option<Ipv4Addr> {
    match stream.local_addr().ok()?.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => Some(ip),
        _ => None,
    }
}

/// When a connection is to be closed.
#[derive(Debug)]
struct Closing {
    after: Duration,
    at: Mutex<Instant>,
}

impl Closing {
    fn at(&self) -> Instant {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, after: Duration) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + after;
    }
}

async fn connection(stream: TcpStream, edge: Arc<Edge>, peer: Peer, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let closing = Arc::new(Closing {
        after: shared.close_after,
        at: Mutex::new(Instant::now() + shared.close_after),
    });
    let service = {
        let (closing, shared) = (Arc::clone(&closing), Arc::clone(&shared));
        service_fn(move |request| {
            answer(
                request,
                Arc::clone(&edge),
                peer,
                Arc::clone(&closing),
                Arc::clone(&shared),
            )
        })
    };
    let mut served = pin!(
        http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(64 * 1024)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut ending = false;
    loop {
        let at = closing.at();
        tokio::select! {
            _ = served.as_mut() => return,
            () = shared.stopped.cancelled() => return,
            () = shared.stopping.cancelled(), if !ending => {
                ending = true;
                served.as_mut().graceful_shutdown();
            }
            () = sleep_until(at) => if closing.at() <= Instant::now() { return },
        }
    }
}

/// The connection is closed without an answer.
#[derive(Debug)]
pub(crate) struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed without an answer, as asked for")
    }
}

impl std::error::Error for Closed {}

async fn answer(
    request: Request<Incoming>,
    edge: Arc<Edge>,
    peer: Peer,
    closing: Arc<Closing>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Closed> {
    // Reading the body, working and answering all have to fit in from here on, as in a v1.0 server.
    closing.set(closing.after);
    let reply = reply(request, &edge, peer, &closing, &shared).await;
    match reply {
        Ok(reply) => {
            closing.set(closing.after);
            Ok(reply.into_response())
        }
        Err(closed) => {
            edge.state().counts.unanswered += 1;
            Err(closed)
        }
    }
}

async fn reply(
    request: Request<Incoming>,
    edge: &Arc<Edge>,
    peer: Peer,
    closing: &Closing,
    shared: &Shared,
) -> Result<Reply, Closed> {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == control::PATH {
        let body = call::plain(body).await.ok_or(Closed)?;
        return Ok(control::answer(&parts, body, edge, &shared.edges));
    }
    let call = Call::of(peer, &parts.method, parts.uri.path());
    let plan = call
        .operation()
        .map(|operation| edge.plan(operation))
        .unwrap_or_default();
    if plan.fault == Some(Fault::Down) {
        return Err(Closed);
    }
    let input = call.read(edge, &parts, body).await.ok_or(Closed)?;
    let acts = match &plan.fault {
        Some(Fault::Hang) => {
            closing.set(NEVER);
            pending().await
        }
        Some(Fault::Answer { status, text }) => {
            sleep(plan.delay).await;
            return Ok(call.error(status_of(*status), text));
        }
        Some(Fault::Nonsense) => {
            sleep(plan.delay).await;
            let page = "<html><head><title>Welcome</title></head><body>It works!</body></html>";
            return Ok(Reply::page(StatusCode::OK, page));
        }
        _ => call,
    };
    // In a task of its own: the work goes on when the connection does not.
    let work = {
        let edge = Arc::clone(edge);
        async move {
            if !plan.delay.is_zero() {
                sleep(plan.delay).await;
            }
            acts.act(&edge, &parts, input).await
        }
    };
    let work = shared
        .tasks
        .spawn(shared.stopped.clone().run_until_cancelled_owned(work));
    let reply = work.await.ok().flatten().ok_or(Closed)?;
    match plan.fault {
        Some(Fault::LoseAnswer) => Err(Closed),
        Some(Fault::AnswerAfter { status, body }) => Ok(Reply::page(status_of(status), body)),
        _ => Ok(reply),
    }
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
