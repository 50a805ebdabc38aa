//! The OpenAPI documents: what a reader needs of them is there, and they are the reviewed ones.

use std::collections::BTreeSet;
use std::path::Path;

use mecm_common::client::Clients;
use mecm_common::models::ids::TenantId;
use mecm_common::service::document::flaw;
use reqwest::Method;
use serde_json::{Value, json};

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

/// Routes that nobody needs a token for; and those that take none.
pub(super) const OPEN: [&str; 1] = ["/inventory/v1/token_key"];
pub(super) const BY_SIGNATURE: [&str; 4] = [
    "/inventory/v1/token",
    "/inventory/v1/tokens",
    "/inventory/v1/credentials/verify",
    "/inventory/v1/credentials/reseal",
];

/// What the parameters of paths are filled with.
pub(super) struct Ids {
    pub(super) package: String,
    pub(super) instance: String,
    pub(super) task: String,
    pub(super) host: String,
}

impl Ids {
    /// Of records that there are not.
    pub(super) fn of_nothing() -> Self {
        Self {
            package: "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90".to_owned(),
            instance: "5c1b2c86-1d5c-4d0e-9d3e-111111111111".to_owned(),
            task: "5c1b2c86-1d5c-4d0e-9d3e-111111111111".to_owned(),
            host: "10.0.0.2".to_owned(),
        }
    }

    /// A path of a document with these in the places of its parameters.
    pub(super) fn fill(&self, path: &str, tenant: TenantId) -> String {
        let mut filled = path.replace("{tenant_id}", &tenant.to_string());
        for (parameter, value) in [
            ("{app_package_id}", self.package.as_str()),
            ("{app_instance_id}", &self.instance),
            ("{app_id}", &self.instance),
            ("{apprule_task_id}", &self.task),
            ("{capability_type}", "GPU"),
            ("{capability_id}", "x"),
            ("{ak}", "QUtBS0FLQUtBS0FLQUs="),
            ("{host_ip}", &self.host),
            ("{mechost_ip}", &self.host),
            ("{applcm_ip}", &self.host),
            ("{apprule_ip}", &self.host),
            ("{appstore_ip}", &self.host),
        ] {
            filled = filled.replace(parameter, value);
        }
        assert!(
            !filled.contains('{'),
            "{path} has a parameter that is new here: give it a value above"
        );
        filled
    }
}

/// What a document tells of one operation.
pub(super) struct Operation {
    pub(super) method: Method,
    /// As it stands in the document.
    pub(super) path: String,
    /// Where its service is.
    origin: String,
    pub(super) listed: BTreeSet<u16>,
    /// What its JSON body must be, and the example of one.
    pub(super) schema: Value,
    pub(super) body: Option<Value>,
    /// Whether it takes a form.
    pub(super) form: bool,
    /// Whether anybody may ask it.
    pub(super) open: bool,
}

impl Operation {
    /// All that the services do.
    pub(super) async fn all(rig: &Rig) -> Vec<Self> {
        let mut all = Vec::new();
        for Served { origin, document, .. } in documents(rig).await {
            for (path, methods) in document["paths"].as_object().unwrap() {
                for (method, told) in methods.as_object().unwrap() {
                    let content = &told["requestBody"]["content"];
                    let schema = content["application/json"]["schema"]["$ref"].as_str();
                    let schema = schema.and_then(|name| document.pointer(name.trim_start_matches('#')));
                    let listed = told["responses"].as_object().unwrap().keys();
                    all.push(Self {
                        method: method.to_uppercase().parse().unwrap(),
                        path: path.clone(),
                        origin: origin.clone(),
                        listed: listed.map(|status| status.parse().unwrap()).collect(),
                        schema: schema.cloned().unwrap_or_default(),
                        body: schema.map(|schema| schema["examples"][0].clone()),
                        form: content["multipart/form-data"].is_object(),
                        open: told["security"] == json!([]),
                    });
                }
            }
        }
        all
    }

    /// Whether only the suite's own services, or who signs, may ask it.
    pub(super) fn by_signature(&self) -> bool {
        BY_SIGNATURE.contains(&self.path.as_str())
    }

    /// Whether it takes no body: one that comes is read only to check a signature.
    pub(super) fn bodyless(&self) -> bool {
        self.body.is_none() && !self.form
    }

    /// The example of its body, about the record of its [`url`](Self::url).
    pub(super) fn body_of_url(&self) -> Option<Value> {
        let (mut body, nothing) = (self.body.clone()?, Ids::of_nothing());
        for (parameter, member, value) in [
            ("/{mechost_ip}", "mechostIp", &nothing.host),
            ("/{applcm_ip}", "applcmIp", &nothing.host),
            ("/{apprule_ip}", "appRuleIp", &nothing.host),
            ("/{appstore_ip}", "appstoreIp", &nothing.host),
            ("/{app_id}", "appInstanceId", &nothing.instance),
        ] {
            if self.path.ends_with(parameter) {
                body[member] = value.as_str().into();
            }
        }
        Some(body)
    }

    /// Where it is asked, about records that there are not.
    pub(super) fn url(&self, tenant: TenantId) -> String {
        format!("{}{}", self.origin, Ids::of_nothing().fill(&self.path, tenant))
    }
}

/// What in a document does not keep to the schema that stands beside it: examples of parameters, bodies, answers and members.
fn untrue_examples(document: &Value) -> Vec<String> {
    let schemas = json!({"schemas": document["components"]["schemas"]});
    let mut untrue = Vec::new();
    let mut waiting = vec![(String::new(), document)];
    while let Some((place, told)) = waiting.pop() {
        match told {
            Value::Object(members) => {
                let beside = members.get("schema").zip(members.get("example"));
                let mut examples: Vec<(&Value, &Value)> = beside.into_iter().collect();
                // A member of that name is a schema, not an example.
                let own = members.get("examples").and_then(Value::as_array);
                examples.extend(own.into_iter().flatten().map(|example| (told, example)));
                for (schema, example) in examples {
                    let mut whole = schema.clone();
                    whole["components"] = schemas.clone();
                    let judge = jsonschema::draft202012::new(&whole).unwrap();
                    untrue.extend(
                        judge
                            .iter_errors(example)
                            .map(|error| format!("{place}: {error}")),
                    );
                }
                waiting.extend(
                    members
                        .iter()
                        .map(|(name, told)| (format!("{place}/{name}"), told)),
                );
            }
            Value::Array(items) => waiting.extend(items.iter().map(|told| (place.clone(), told))),
            _ => {}
        }
    }
    untrue
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
        let untrue = untrue_examples(&document);
        assert!(untrue.is_empty(), "{service}:\n{}", untrue.join("\n"));
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
