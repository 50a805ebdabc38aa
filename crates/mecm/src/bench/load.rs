//! A load of HTTP requests over keep-alive connections to one server: requests are written as they are, answers are read up
//! to their end. It costs the machine that it measures as little as can be, and understands nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Args;
use futures::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No answer is larger.
const ANSWER_BYTES: usize = 16 * 1_024 * 1_024;

/// What is measured, and how long.
#[derive(Clone, Debug, Args)]
pub struct Measuring {
    /// How often each is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(super) runs: u16,
    /// How long each time, in milliseconds.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    millis: u64,
    /// Keep-alive connections, each with one request under way.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=512))]
    connections: u16,
}

impl Measuring {
    /// How long each time.
    pub(super) fn time(&self) -> Duration {
        Duration::from_millis(self.millis)
    }

    /// How many connections.
    pub(super) fn connections(&self) -> usize {
        self.connections.into()
    }
}

/// Makes the next request, as it goes over the wire.
pub(super) type Requests = Arc<dyn Fn() -> Vec<u8> + Send + Sync>;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    /// How long each request took, in seconds.
    pub(super) seconds: Vec<f64>,
    /// How long all of it took, in seconds.
    pub(super) elapsed: f64,
}

impl Load {
    /// Requests per second.
    pub(super) fn rate(&self) -> f64 {
        self.seconds.len() as f64 / self.elapsed
    }
}

/// Asks again and again over `connections` connections for as long as `time`.
pub(super) async fn http(
    server: SocketAddr,
    requests: Requests,
    connections: usize,
    time: Duration,
) -> Result<Load> {
    expecting(200, server, requests, connections, time).await
}

/// The same where the answers have another status.
pub(super) async fn expecting(
    status: u16,
    server: SocketAddr,
    requests: Requests,
    connections: usize,
    time: Duration,
) -> Result<Load> {
    let began = Instant::now();
    let until = began + time;
    let all = try_join_all((0..connections).map(|_| {
        let requests = requests.clone();
        tokio::spawn(connection(status, server, requests, until))
    }))
    .await?;
    gathered(all, began)
}

/// The same with a call in this process in place of a request, as many at once.
pub(super) async fn calls<F, Fut>(call: F, at_once: usize, time: Duration) -> Result<Load>
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + Send,
{
    let began = Instant::now();
    let until = began + time;
    let all = try_join_all((0..at_once).map(|_| {
        let call = call.clone();
        tokio::spawn(async move {
            let mut seconds = Vec::new();
            while Instant::now() < until {
                let asked = Instant::now();
                call().await?;
                seconds.push(asked.elapsed().as_secs_f64());
            }
            Ok(seconds)
        })
    }))
    .await?;
    gathered(all, began)
}

fn gathered(all: Vec<Result<Vec<f64>>>, began: Instant) -> Result<Load> {
    let mut load = Load::default();
    for seconds in all {
        load.seconds.extend(seconds?);
    }
    load.elapsed = began.elapsed().as_secs_f64();
    Ok(load)
}

async fn connection(status: u16, server: SocketAddr, requests: Requests, until: Instant) -> Result<Vec<f64>> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let mut seconds = Vec::new();
    let mut answer = Vec::with_capacity(64 * 1_024);
    while Instant::now() < until {
        let request = requests();
        let asked = Instant::now();
        stream.write_all(&request).await?;
        read_answer(status, &mut stream, &mut answer).await?;
        seconds.push(asked.elapsed().as_secs_f64());
    }
    Ok(seconds)
}

/// Reads one answer; any other status is an error.
async fn read_answer(status: u16, stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<()> {
    answer.clear();
    let mut end = None;
    loop {
        if end.is_none() {
            end = End::of(status, answer)?;
        }
        match end {
            Some(end) if end.reached(answer) => return Ok(()),
            _ if answer.len() > ANSWER_BYTES => bail!("an answer is longer than {ANSWER_BYTES} bytes"),
            _ => {}
        }
        if stream.read_buf(answer).await? == 0 {
            bail!("the server closed a connection");
        }
    }
}

/// Where an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// After so many bytes.
    At(usize),
    /// With the empty chunk.
    EmptyChunk,
}

impl End {
    /// Known once the head is there.
    fn of(status: u16, answer: &[u8]) -> Result<Option<Self>> {
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        if !head.starts_with(&format!("http/1.1 {status} ")) {
            bail!("expected {status}, came {}", String::from_utf8_lossy(answer));
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        match length {
            Some(length) => Ok(Some(Self::At(end + 4 + length.trim().parse::<usize>()?))),
            None if head.contains("\r\ntransfer-encoding: chunked") => Ok(Some(Self::EmptyChunk)),
            None => bail!("an answer does not say where it ends"),
        }
    }

    fn reached(self, answer: &[u8]) -> bool {
        match self {
            Self::At(end) => answer.len() >= end,
            Self::EmptyChunk => answer.ends_with(b"\r\n0\r\n\r\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_with_its_last_byte() {
        let ends = |answer: &[u8]| {
            End::of(200, answer)
                .unwrap()
                .is_some_and(|end| end.reached(answer))
        };
        assert!(!ends(b"HTTP/1.1 200 OK\r\nContent-Le"));
        assert!(!ends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"));
        assert!(ends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        assert!(!ends(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
        ));
        assert!(ends(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        ));
        assert!(End::of(200, b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(End::of(200, b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
