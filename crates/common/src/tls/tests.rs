use std::path::PathBuf;

use secrecy::SecretString;

use super::*;

mod believing;
mod serving;

const PASSWORD: &str = "Changeit-1";

/// A file of `tests/tls`, where a script says how they were made.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tls")
        .join(name)
}

fn pem(name: &str) -> KeySource {
    KeySource::Pem {
        certificate: fixture(&format!("{name}.pem")),
        key: fixture(&format!("{name}-key.pem")),
    }
}

fn store(path: PathBuf, password: &str, alias: &str) -> KeySource {
    KeySource::Store {
        path,
        password: SecretString::from(password),
        alias: alias.to_owned(),
    }
}

/// What is wrong with a file, as a person reads it.
fn complaint(source: &KeySource) -> String {
    match source.load() {
        Err(TlsError::Content { source, .. }) => source.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn stores_of_every_make_give_the_same_pair_as_pem() {
    let wanted = pem("first").load().unwrap();
    for name in [
        "openssl3",
        "openssl-legacy",
        "openssl-3des",
        "openssl-mixed",
        "openssl-no-mac",
        "java17",
        "java8",
    ] {
        let path = fixture(&format!("{name}.p12"));
        let pair = store(path, PASSWORD, "EdgeGallery")
            .load()
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(pair.private_key(), wanted.private_key(), "{name}");
        let chain = pair.certified().cert;
        assert_eq!(chain[0], wanted.certified().cert[0], "{name}");
        assert_eq!(chain.len(), 2, "{name}: the authority is shown too");
        assert_eq!(format!("{pair:?}"), "KeyPair { certificates: 2, .. }");
    }
}

#[test]
fn the_alias_chooses_and_a_choice_that_is_none_is_told() {
    for name in ["java17.p12", "java8.p12"] {
        let another = store(fixture(name), PASSWORD, "another").load().unwrap();
        assert_eq!(
            another.certified().cert[0],
            pem("second").load().unwrap().certified().cert[0]
        );
    }
    assert_eq!(
        complaint(&store(fixture("java17.p12"), PASSWORD, "nobody")),
        r#"no private key goes by the alias "nobody"; there is "another", "edgegallery""#
    );
    assert_eq!(
        complaint(&store(fixture("java17.p12"), PASSWORD, "")),
        r#"several private keys go by the alias ""; there is "another", "edgegallery""#
    );
    // The only one needs no name.
    store(fixture("openssl3.p12"), PASSWORD, "").load().unwrap();
}

#[test]
fn a_wrong_password_is_said_and_not_repeated() {
    let wrong = "hunter2hunter2";
    for name in [
        "openssl3",
        "openssl-legacy",
        "openssl-3des",
        "openssl-mixed",
        "openssl-no-mac",
        "java17",
        "java8",
    ] {
        let source = store(fixture(&format!("{name}.p12")), wrong, "edgegallery");
        assert_eq!(
            complaint(&source),
            "the password is wrong, or the file is damaged",
            "{name}"
        );
        let error = source.load().unwrap_err();
        assert!(
            !format!("{error} {error:?} {source:?}").contains(wrong),
            "{error:?}"
        );
    }
    for name in ["trust.jks", "trust-pkcs12.jks"] {
        let source = TrustSource {
            path: fixture(name),
            password: SecretString::from(wrong),
        };
        let error = Trust::load(Some(source)).unwrap_err();
        assert!(matches!(
            error,
            TlsError::Content {
                source: StoreError::Password,
                ..
            }
        ));
    }
}

#[test]
fn a_damaged_store_is_an_error_wherever_it_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let whole = std::fs::read(fixture("openssl3.p12")).unwrap();
    let jks = std::fs::read(fixture("trust.jks")).unwrap();
    let broken = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let key = store(path.clone(), PASSWORD, "").load().is_err();
        let source = TrustSource {
            path: path.clone(),
            password: SecretString::from(PASSWORD),
        };
        key && source.parse(bytes).is_err()
    };
    for length in (0..whole.len()).step_by(37) {
        assert!(broken(&whole[..length]), "cut at {length}");
    }
    std::fs::write(&path, &whole[..1000]).unwrap();
    assert_eq!(
        complaint(&store(path.clone(), PASSWORD, "")),
        "it is damaged: a value is cut short"
    );
    for length in (0..jks.len()).step_by(11) {
        assert!(broken(&jks[..length]), "JKS cut at {length}");
    }
    for position in (0..whole.len()).step_by(101) {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x55;
        assert!(broken(&bytes), "changed at {position}");
    }
    for position in (0..jks.len()).step_by(29) {
        let mut bytes = jks.clone();
        bytes[position] ^= 0x55;
        assert!(broken(&bytes), "JKS changed at {position}");
    }
}

proptest::proptest! {
    #[test]
    fn no_content_whatever_makes_a_reader_panic(
        name in proptest::sample::select(&["openssl3.p12", "java8.p12", "openssl-no-mac.p12", "trust.jks", "first.pem"]),
        changes in proptest::collection::vec((0_usize..4000, proptest::num::u8::ANY), 0..8),
        length in 0_usize..6000,
    ) {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        for (position, byte) in changes {
            let length = bytes.len();
            bytes[position % length] = byte;
        }
        bytes.truncate(length);
        let source = TrustSource { path: PathBuf::new(), password: SecretString::from(PASSWORD) };
        // What is in an undamaged frame may be no certificate.
        for der in source.parse(&bytes).unwrap_or_default() {
            let _ = certificate::Certificate::read(&der);
        }
        let _ = store(PathBuf::new(), PASSWORD, "").parse(&[Zeroizing::new(bytes)]);
    }
}

#[test]
fn what_is_no_key_store_is_called_by_its_name() {
    let says = |path: PathBuf, text: &str| {
        let complaint = complaint(&store(path, PASSWORD, ""));
        assert!(complaint.contains(text), "{complaint}");
    };
    says(fixture("trust.jks"), "keytool -importkeystore");
    says(fixture("first.pem"), "it is no PKCS#12 store");
    says(fixture("trust-pkcs12.jks"), "it holds no private key");
    says(fixture("openssl-too-slow.p12"), "2,000,000 rounds");
    let mixed = KeySource::Pem {
        certificate: fixture("first.pem"),
        key: fixture("second-key.pem"),
    };
    assert_eq!(
        complaint(&mixed),
        "no certificate in it belongs to the private key"
    );
    let missing = store(fixture("nowhere.p12"), PASSWORD, "").load().unwrap_err();
    assert!(missing.to_string().contains("nowhere.p12"), "{missing}");
}

#[test]
fn a_file_that_is_far_too_large_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.p12");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(MAX_BYTES + 1).unwrap();
    let error = store(path, PASSWORD, "").load().unwrap_err();
    assert!(matches!(error, TlsError::Read { .. }), "{error:?}");
}
