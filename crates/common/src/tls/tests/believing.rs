//! Whom outbound calls believe.

use std::sync::Arc;
use std::time::Duration;

use rustls::CertificateError;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;

fn trust(name: &str) -> Arc<Trust> {
    let source = TrustSource {
        path: fixture(name),
        password: SecretString::from(PASSWORD),
    };
    Trust::load(Some(source)).unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

/// Some day of 2030.
const NOW: u64 = 1_900_000_000;

fn judge(trust: &Trust, certificate: &CertificateDer<'_>, host: &str, now: u64) -> Result<(), rustls::Error> {
    let name = ServerName::try_from(host).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
    trust
        .verify_server_cert(certificate, &[], &name, &[], now)
        .map(|_| ())
}

fn own(source: &KeySource) -> CertificateDer<'static> {
    source.load().unwrap().certified().cert[0].clone()
}

#[test]
fn an_authority_is_believed_from_a_store_of_any_format() {
    let server = own(&pem("first"));
    for name in ["ca.pem", "trust.jks", "trust-pkcs12.jks", "openssl3.p12"] {
        let trust = trust(name);
        judge(&trust, &server, "localhost", NOW).unwrap_or_else(|error| panic!("{name}: {error}"));
        judge(&trust, &server, "127.0.0.1", NOW).unwrap();
        judge(&trust, &server, "elsewhere", NOW).unwrap_err();
        judge(&trust, &server, "localhost", 100 * NOW).unwrap_err();
    }
    let nobody = Trust::load(None).unwrap();
    judge(&nobody, &server, "localhost", NOW).unwrap_err();
}

#[test]
fn a_certificate_in_the_store_is_believed_itself_under_its_own_names_in_its_time() {
    let server = own(&pem("first"));
    let trust = trust("first.pem");
    judge(&trust, &server, "localhost", NOW).unwrap();
    assert!(matches!(
        judge(&trust, &server, "elsewhere", NOW).unwrap_err(),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    ));
    let time = |now| judge(&trust, &server, "localhost", now).unwrap_err();
    assert_eq!(time(100 * NOW), CertificateError::Expired.into());
    assert_eq!(time(1_000_000), CertificateError::NotValidYet.into());
    // It is no authority: nobody is believed for its word.
    let forged = CertificateDer::from_pem_file(fixture("forged.pem")).unwrap();
    judge(&trust, &forged, "localhost", NOW).unwrap_err();
}

/// What an installation of EdgeGallery has: the same certificate everywhere, without names, and its key store as trust store.
#[test]
fn edgegallerys_own_certificate_is_believed_under_any_name_and_no_other() {
    let installed = own(&store(fixture("edgegallery.p12"), PASSWORD, "edgegallery"));
    let trust = trust("edgegallery.jks");
    judge(&trust, &installed, "user-mgmt-svc", NOW).unwrap();
    judge(&trust, &own(&pem("first")), "localhost", NOW).unwrap_err();
    assert_eq!(
        judge(&trust, &installed, "user-mgmt-svc", 100 * NOW).unwrap_err(),
        CertificateError::Expired.into()
    );
}

#[test]
fn what_a_store_holds_later_counts_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust");
    std::fs::copy(fixture("first.pem"), &path).unwrap();
    let source = TrustSource {
        path: path.clone(),
        password: SecretString::from(PASSWORD),
    };
    let trust = Trust::load(Some(source)).unwrap();
    let second = own(&pem("second"));
    judge(&trust, &second, "localhost", NOW).unwrap_err();
    assert!(!trust.look_again().unwrap());

    std::fs::copy(fixture("trust.jks"), &path).unwrap();
    assert!(trust.look_again().unwrap());
    judge(&trust, &second, "localhost", NOW).unwrap();

    std::fs::write(&path, "nothing").unwrap();
    let error = trust.look_again().unwrap_err();
    assert!(matches!(
        error,
        TlsError::Content {
            source: StoreError::NoCertificate,
            ..
        }
    ));
    assert!(!trust.look_again().unwrap(), "told once");
    judge(&trust, &second, "localhost", NOW).unwrap();
}
