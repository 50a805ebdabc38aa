//! What clients see of a server's certificate.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, ProtocolVersion, StreamOwned, SupportedCipherSuite,
    SupportedProtocolVersion,
};
use tokio_util::sync::CancellationToken;

use super::watch::watch_every;
use super::*;
use crate::client::Clients;
use crate::config::Config;
use crate::service::{Limits, bind, serve};

/// A running server; stops when dropped.
struct Server {
    address: SocketAddr,
    tls: Arc<ServerTls>,
    _stop: tokio_util::sync::DropGuard,
}

fn start(source: KeySource) -> Server {
    let tls = Arc::new(ServerTls::load(source).unwrap());
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.address().unwrap();
    let stop = CancellationToken::new();
    let router = Router::new().route("/hello", get(|| async { "hello" }));
    let (server, stopped) = (tls.clone(), stop.clone());
    tokio::spawn(async move {
        let grace = Duration::from_secs(1);
        serve(listener, router, Limits::default(), Some(&server), stopped, grace)
            .await
            .unwrap();
    });
    Server {
        address,
        tls,
        _stop: stop.drop_guard(),
    }
}

/// A connection, and how to ask on it.
struct Connection(StreamOwned<ClientConnection, TcpStream>);

/// What a client is able to.
struct Abilities<'a> {
    versions: &'a [&'static SupportedProtocolVersion],
    suites: Vec<SupportedCipherSuite>,
    protocols: &'a [&'a str],
}

impl Abilities<'_> {
    fn all() -> Self {
        Self {
            versions: rustls::ALL_VERSIONS,
            suites: default_provider().cipher_suites,
            protocols: &[],
        }
    }

    fn connect(&self, address: SocketAddr) -> Connection {
        self.connect_believing("ca.pem", address)
    }

    fn connect_believing(&self, store: &str, address: SocketAddr) -> Connection {
        let provider = CryptoProvider {
            cipher_suites: self.suites.clone(),
            ..default_provider()
        };
        let source = TrustSource {
            path: fixture(store),
            password: SecretString::from(PASSWORD),
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(self.versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Trust::load(Some(source)).unwrap())
            .with_no_client_auth();
        config.alpn_protocols = self
            .protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut connection = Connection(StreamOwned::new(connection, stream));
        let Connection(stream) = &mut connection;
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        connection
    }
}

impl Connection {
    /// Asks over HTTP/1.1 and keeps the connection.
    fn hello(&mut self) {
        self.0
            .write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            let mut bytes = [0; 1024];
            let count = self.0.read(&mut bytes).unwrap();
            assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&bytes[..count]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    }

    fn certificate(&self) -> Vec<u8> {
        self.0.conn.peer_certificates().unwrap()[0].to_vec()
    }
}

fn own_certificate(name: &str) -> Vec<u8> {
    pem(name).load().unwrap().certified().cert[0].to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_with_tls_1_2_alone_and_few_ciphers_are_served() {
    // What the JVM of EdgeGallery's test platform offers with RSA and with P-256.
    for (source, suite) in [
        (
            store(fixture("java8.p12"), PASSWORD, "edgegallery"),
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ),
        (
            pem("second"),
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        ),
    ] {
        let server = start(source);
        let address = server.address;
        tokio::task::spawn_blocking(move || {
            let old = Abilities {
                versions: &[&TLS12],
                suites: vec![suite],
                protocols: &[],
            };
            let mut connection = old.connect(address);
            connection.hello();
            let negotiated = &connection.0.conn;
            assert_eq!(negotiated.protocol_version(), Some(ProtocolVersion::TLSv1_2));
            assert_eq!(negotiated.alpn_protocol(), None);
        })
        .await
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_clients_get_tls_1_3_and_http_2_where_they_want_it() {
    let server = start(pem("first"));
    let address = server.address;
    tokio::task::spawn_blocking(move || {
        for (wanted, given) in [
            (&["h2", "http/1.1"][..], Some(&b"h2"[..])),
            (&["http/1.1"][..], Some(&b"http/1.1"[..])),
            (&[][..], None),
        ] {
            let abilities = Abilities {
                protocols: wanted,
                ..Abilities::all()
            };
            let connection = abilities.connect(address);
            let negotiated = &connection.0.conn;
            assert_eq!(negotiated.protocol_version(), Some(ProtocolVersion::TLSv1_3));
            assert_eq!(negotiated.alpn_protocol(), given);
            assert_eq!(
                negotiated.negotiated_cipher_suite().unwrap().suite(),
                CipherSuite::TLS13_AES_256_GCM_SHA384
            );
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_the_first_version_is_shown_and_believed() {
    let server = start(store(fixture("edgegallery.p12"), PASSWORD, "edgegallery"));
    let address = server.address;
    tokio::task::spawn_blocking(move || {
        for versions in [&[&TLS12][..], &[&TLS13][..]] {
            let abilities = Abilities {
                versions,
                ..Abilities::all()
            };
            abilities.connect_believing("edgegallery.jks", address).hello();
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suites_own_clients_believe_what_is_configured() {
    let server = start(store(fixture("edgegallery.p12"), PASSWORD, "edgegallery"));
    let url = format!("https://localhost:{}/hello", server.address.port());
    let ask = async |set: &dyn Fn(&mut Config)| {
        let mut config = Config::defaults();
        set(&mut config);
        let clients = Clients::new(&config).unwrap();
        let mut answers = Vec::new();
        for client in [clients.services, clients.edges] {
            answers.push(client.get(&url).send().await.is_ok());
        }
        answers
    };
    let believing = |config: &mut Config| {
        config.peers.ca_bundle = fixture("edgegallery.jks");
        config.peers.ca_bundle_password = SecretString::from(PASSWORD);
    };
    assert_eq!(ask(&believing).await, [true, true]);
    assert_eq!(ask(&|_| ()).await, [false, false], "nobody said that it is good");
    assert_eq!(
        ask(&|config| config.peers.insecure_skip_verify = true).await,
        [true, true]
    );
}

/// A folder as Kubernetes mounts a secret: the files are links into a folder that is swapped whole.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new(name: &str) -> Self {
        let mounted = Self(tempfile::tempdir().unwrap());
        mounted.swap("1", name, name);
        for file in ["tls.crt", "tls.key"] {
            std::os::unix::fs::symlink(format!("..data/{file}"), mounted.0.path().join(file)).unwrap();
        }
        mounted
    }

    /// Puts others in their place.
    fn swap(&self, revision: &str, certificate: &str, key: &str) {
        let folder = self.0.path();
        std::fs::create_dir(folder.join(revision)).unwrap();
        std::fs::copy(
            fixture(&format!("{certificate}.pem")),
            folder.join(revision).join("tls.crt"),
        )
        .unwrap();
        std::fs::copy(
            fixture(&format!("{key}-key.pem")),
            folder.join(revision).join("tls.key"),
        )
        .unwrap();
        std::os::unix::fs::symlink(revision, folder.join("..new")).unwrap();
        std::fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    }

    fn source(&self) -> KeySource {
        KeySource::Pem {
            certificate: self.0.path().join("tls.crt"),
            key: self.0.path().join("tls.key"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_for_new_connections_and_old_ones_go_on() {
    let mounted = Mounted::new("first");
    let server = start(mounted.source());
    let address = server.address;
    tokio::task::spawn_blocking(move || {
        let mut old = Abilities::all().connect(address);
        old.hello();
        assert_eq!(old.certificate(), own_certificate("first"));
        assert!(!server.tls.look_again().unwrap(), "nothing has changed");

        mounted.swap("2", "second", "second");
        assert!(server.tls.look_again().unwrap());
        let mut new = Abilities::all().connect(address);
        new.hello();
        assert_eq!(new.certificate(), own_certificate("second"));
        old.hello();
        assert_eq!(old.certificate(), own_certificate("first"));
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_changes_nothing_and_is_told_once() {
    let mounted = Mounted::new("first");
    let server = start(mounted.source());
    let address = server.address;
    tokio::task::spawn_blocking(move || {
        let still_the_first = || {
            let mut connection = Abilities::all().connect(address);
            connection.hello();
            assert_eq!(connection.certificate(), own_certificate("first"));
        };
        mounted.swap("2", "second", "first");
        let error = server.tls.look_again().unwrap_err();
        assert!(
            matches!(
                error,
                TlsError::Content {
                    source: StoreError::Mismatch,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(!server.tls.look_again().unwrap(), "told once");
        still_the_first();

        std::fs::remove_file(mounted.0.path().join("..data")).unwrap();
        let error = server.tls.look_again().unwrap_err();
        assert!(matches!(error, TlsError::Read { .. }), "{error:?}");
        assert!(!server.tls.look_again().unwrap(), "told once");
        still_the_first();

        mounted.swap("3", "second", "second");
        assert!(server.tls.look_again().unwrap());
        assert_eq!(
            Abilities::all().connect(address).certificate(),
            own_certificate("second")
        );
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn files_are_looked_at_every_few_seconds_until_the_stop() {
    let (looked, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let look = move || {
        looked.send(()).unwrap();
        Ok(false)
    };
    let watching = tokio::spawn(watch_every(Duration::from_millis(1), "test", look, stop.clone()));
    for _ in 0..3 {
        seen.recv().await.unwrap();
    }
    stop.cancel();
    watching.await.unwrap();
    // The one who looked is gone when all that it had seen is read.
    while seen.recv().await.is_some() {}
}
