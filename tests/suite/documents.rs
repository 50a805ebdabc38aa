//! The OpenAPI documents: what a reader needs of them is there, and they are the reviewed ones.

use std::path::Path;

use mecm_common::client::Clients;
use mecm_common::service::document::flaw;
use serde_json::Value;

use super::rig::{Place, Rig};

/// What a service says of itself.
pub(crate) struct Served {
    pub(crate) service: &'static str,
    /// Where it is.
    pub(crate) origin: String,
    pub(crate) document: Value,
}

/// The document of each service, as it is served.
pub(crate) async fn documents(rig: &Rig) -> Vec<Served> {
    let addresses = &rig.suite.addresses;
    let client = Clients::new(&rig.place.config).unwrap().services;
    let mut all = Vec::new();
    for (service, origin) in [
        ("inventory", &addresses.inventory),
        ("apm", &addresses.apm),
        ("appo", &addresses.appo),
    ] {
        let url = format!("{origin}/{service}/v1/openapi.json");
        let document = client.get(url).send().await.unwrap().json().await.unwrap();
        all.push(Served {
            service,
            origin: origin.clone(),
            document,
        });
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn each_document_is_whole_and_the_reviewed_one() {
    let rig = Rig::start(Place::new("sqlite").await).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi");
    for Served {
        service, document, ..
    } in documents(&rig).await
    {
        assert_eq!(flaw(&document), Ok(()), "{service}");
        assert_eq!(document["openapi"], "3.1.0");
        let told = format!("{:#}\n", document);
        let path = folder.join(format!("{service}.json"));
        if std::env::var_os("MECM_TEST_RENEW").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &told).unwrap();
        }
        let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            reviewed == told,
            "docs/openapi/{service}.json is not what is served: run this test with MECM_TEST_RENEW=1 and review the difference"
        );
    }
    rig.suite.stop().await;
}
