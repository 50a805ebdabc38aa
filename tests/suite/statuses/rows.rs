//! What depends on the records that there are: a row for each status, in the order of a tenant's life.

mod instances;
mod inventory;
mod packages;

use mecm::demo::api::At;
use mecm::sample;
use mecm_common::client::Clients;
use mecm_common::client::upload::Upload;
use reqwest::{Client, Method, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::super::rig::Rig;
use super::Ledger;
use super::gone::Disks;
pub(super) use packages::STORE;

/// An address where there is nothing.
const NOBODY: &str = "127.9.9.9";
/// An id that nothing has.
const NOTHING: &str = "5c1b2c86-1d5c-4d0e-9d3e-111111111111";

/// Asks row by row, and keeps what was answered.
struct Rows<'a> {
    rig: &'a Rig,
    ledger: &'a Ledger,
    client: Client,
    disks: Option<Disks>,
}

pub(super) async fn all(rig: &Rig, ledger: &Ledger) {
    let rows = Rows {
        rig,
        ledger,
        client: Clients::new(&rig.place.config).unwrap().services,
        disks: Disks::of(rig).await,
    };
    inventory::signed(&rows).await;
    inventory::registered(&rows).await;
    inventory::kept(&rows).await;
    packages::taken(&rows).await;
    instances::lived(&rows).await;
    inventory::gone(&rows).await;
}

/// The form that this path takes, with a file that is good.
pub(super) async fn form(path: &str) -> Upload {
    if path.ends_with("/k8sconfig") {
        let file = "apiVersion: v1\nkind: Config\nclusters: []\n";
        return Upload::bytes("file", "config.yaml", file.into());
    }
    let package = sample::build().unwrap();
    Upload::bytes("file", "a.csar", package.into())
        .field("hostList", "127.1.0.1")
        .field("appPackageName", "sample")
        .field("appPackageVersion", "1.0")
}

impl Rows<'_> {
    /// One row: a call with a JSON body or none, and the status that it must get.
    async fn row(&self, at: At, method: &str, path: &str, body: Option<&Value>, status: u16) -> Value {
        let answer = self
            .row_with(at, method, path, status, async |request| match body {
                Some(body) => request.json(body),
                None => request,
            })
            .await;
        answer.json().await.unwrap_or_default()
    }

    /// One row whose request has more to it. What writes is first tried on a full disk, where that can be had.
    async fn row_with(
        &self,
        at: At,
        method: &str,
        path: &str,
        status: u16,
        with: impl AsyncFn(RequestBuilder) -> RequestBuilder,
    ) -> Response {
        let (origin, service) = match at {
            At::Inventory => (&self.rig.suite.addresses.inventory, "inventory"),
            At::Apm => (&self.rig.suite.addresses.apm, "apm"),
            At::Appo => (&self.rig.suite.addresses.appo, "appo"),
        };
        let url = format!("{origin}/{service}/v1/tenants/{}{path}", self.rig.api.tenant());
        let method: Method = method.parse().unwrap();
        let ask = async |status: u16| {
            let request = self
                .client
                .request(method.clone(), &url)
                .header("access_token", self.rig.api.token().expose_secret());
            let answer = with(request).await.send().await.unwrap();
            let came = answer.status().as_u16();
            self.ledger.note(&method, &url, came);
            if came != status {
                panic!(
                    "{method} {path}: {came}, not {status}: {}",
                    answer.text().await.unwrap()
                );
            }
            answer
        };
        if let Some(disks) = self
            .disks
            .as_ref()
            .filter(|_| method != Method::GET && status < 300)
        {
            disks.set_full(at, true).await;
            ask(507).await;
            disks.set_full(at, false).await;
        }
        ask(status).await
    }

    /// What is said of this path where it is written.
    fn example(&self, method: &str, path: &str) -> Value {
        let mut all = self.ledger.operations.iter();
        let told = all.find(|told| told.method == method && told.path.ends_with(path) && told.body.is_some());
        told.unwrap().body.clone().unwrap()
    }
}
