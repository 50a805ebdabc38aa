//! The portal: its screens, one after the other.

mod overview;
mod packages;
mod rules;

use mecm::sample;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Came, Field, came, on_each_over_tls};

const ACCEPT: &str = "application/json, text/plain, */*";
const JSON: &str = "application/json;charset=UTF-8";

impl Field<'_> {
    async fn get(&self, service: &str, path: &str) -> Came {
        self.call(Method::GET, service, path, None).await
    }

    async fn send(&self, method: Method, service: &str, path: &str, body: &Value) -> Came {
        self.call(method, service, path, Some((JSON, body.to_string().into_bytes())))
            .await
    }

    /// As axios posts nothing: no body, no type.
    async fn post_nothing(&self, service: &str, path: &str) -> Came {
        self.call(Method::POST, service, path, Some(("", Vec::new())))
            .await
    }
}

fn is_array(value: &Value) -> &Vec<Value> {
    value.as_array().expect("an array, never null")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_loaded_cold_is_not_thrown_out_and_every_preflight_is_answered() {
    on_each_over_tls(async |rig| {
        let portal = Field::new(rig, ACCEPT);
        for (service, path) in [
            ("inventory", "/mechosts"),
            ("apm", "/packages"),
            ("appo", "/app_instance_infos"),
        ] {
            let early = portal
                .call_as("null", "[object Object]", Method::GET, service, path, None)
                .await;
            assert_eq!(early.status, 400, "a 401 would send its user to the log-in page");
            for asked in ["access_token", "access_token,content-type"] {
                let url = format!("{}/{service}/v1/tenants/x{path}", portal.origin(service));
                let request = portal
                    .client
                    .request(Method::OPTIONS, url)
                    .header("origin", "https://h:30093")
                    .header("access-control-request-method", "DELETE")
                    .header("access-control-request-headers", asked);
                let answer = came(request.send().await.unwrap()).await;
                assert_eq!((answer.status, &answer.body), (202, &json!("")));
                let all = |name: &str| -> String {
                    let values = answer.headers.get_all(name).iter();
                    values
                        .map(|value| value.to_str().unwrap())
                        .collect::<Vec<_>>()
                        .join(",")
                };
                assert_eq!(
                    all("access-control-allow-methods"),
                    "POST, GET, OPTIONS, DELETE, PUT"
                );
                assert!(all("access-control-allow-headers").contains(asked));
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn systems_are_registered_edited_and_deleted() {
    on_each_over_tls(async |rig| {
        let portal = Field::new(rig, ACCEPT);
        let systems = [
            ("/applcms", "applcmIp", "applcmPort",
             json!({"applcmIp": "10.0.0.1", "applcmPort": "30101", "userName": "", "applcmName": "lcm"})),
            ("/apprulemanagers", "appRuleIp", "appRulePort",
             json!({"appRuleIp": "10.0.0.1", "appRulePort": "30206", "userName": "", "appRuleName": "规则"})),
            ("/appstores", "appstoreIp", "appstorePort",
             json!({"appstoreIp": "10.0.0.1", "appstoreName": "store", "appstorePort": "30099", "producer": "",
                "uri": "https://10.0.0.1:30099", "userName": ""})),
        ];
        for (path, key, port, record) in systems {
            let none = portal.get("inventory", path).await;
            assert_eq!(none.detail(), (404, "Record not found"), "its list is empty then");
            assert_eq!(portal.send(Method::POST, "inventory", path, &record).await.status, 200);
            let again = portal.send(Method::POST, "inventory", path, &record).await;
            assert_eq!(again.detail(), (400, "Record already exist"));
            let mut row = is_array(&portal.get("inventory", path).await.body)[0].clone();
            assert!(row["userName"].is_string(), "it searches in lower case: {row}");
            row[port] = "31000".into();
            let one = format!("{path}/{}", record[key].as_str().unwrap());
            assert_eq!(portal.send(Method::PUT, "inventory", &one, &row).await.status, 200);
            assert_eq!(portal.get("inventory", &one).await.body, row);
            assert_eq!(portal.call(Method::DELETE, "inventory", &one, None).await.status, 200);
        }

        let node = json!({"address": "4/4.1/114.059448,22.653555", "affinity": "X86", "applcmIp": "10.0.0.1",
            "city": "广东省/深圳市/Clab实验室", "edgeName": "", "edgerepoIp": "10.0.0.2", "edgerepoPort": "443",
            "edgerepoUsername": "", "mechostIp": "10.0.0.2", "mechostName": "Node1", "userName": "", "zipCode": "",
            "hwcapabilities": [{"hwType": "GPU", "hwVendor": "", "hwModel": "V100"}], "appRuleIp": "10.0.0.1",
            "coordinates": "114.059448,22.653555"});
        assert_eq!(portal.send(Method::POST, "inventory", "/mechosts", &node).await.status, 200);
        let again = portal.send(Method::POST, "inventory", "/mechosts", &node).await;
        assert_eq!(again.detail(), (400, "Record already exist"));
        let mut row = is_array(&portal.get("inventory", "/mechosts").await.body)[0].clone();
        for shown in ["coordinates", "city", "mechostName", "mechostIp", "address"] {
            assert!(row[shown].is_string(), "{shown}: {row}");
        }
        assert!(row["edgerepoName"].is_null() && row["hwcapabilities"].is_array(), "{row}");
        // The whole row goes back, nulls and our own members included.
        row["mechostName"] = "节点-2".into();
        let edited = portal.send(Method::PUT, "inventory", "/mechosts/10.0.0.2", &row).await;
        assert_eq!(edited.status, 200, "{}", edited.body);
        let offered = portal.get("inventory", "/mechosts/10.0.0.2/capabilities").await;
        assert_eq!(offered.body["hwcapabilities"][0]["hwModel"], "V100");
        assert_eq!(portal.get("appo", "/app_instance_infos").await.detail(), (404, "Record not found"));
        assert_eq!(portal.call(Method::DELETE, "inventory", "/mechosts/10.0.0.2", None).await.status, 200);
        assert_eq!(portal.get("inventory", "/mechosts").await.detail(), (404, "Record not found"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_deployed_shown_and_deleted_one_by_one_and_in_a_batch() {
    on_each_over_tls(async |rig| {
        let portal = Field::new(rig, ACCEPT);
        assert_eq!(portal.get("apm", "/packages").await.body, json!([]));
        let hosts = rig.edges(3, 2).await;
        let (package, app) = rig.upload(sample::build().unwrap()).await;
        let listed = portal.get("apm", "/packages").await;
        let of_app: Vec<&Value> = is_array(&listed.body).iter().filter(|one| one["appId"] == app.as_str()).collect();
        let shown = is_array(&of_app[0]["mecHostInfo"]);
        assert_eq!(shown[0]["status"], "Distributed", "green, and deploy enabled");

        let mut body = json!({"appId": app, "appPackageId": package, "appName": "zoneapp", "appInstanceDescription": "x",
            "mecHost": hosts[0], "hwCapabilities": []});
        let created = portal.send(Method::POST, "appo", "/app_instances", &body).await;
        let id = created.body["response"]["app_instance_id"].as_str().unwrap().to_owned();
        // It looks once: anything but Created here, and it waits for ever.
        let looked = portal.get("appo", &format!("/app_instance_infos/{id}")).await;
        assert_eq!(looked.body["response"]["operationalStatus"], "Created", "{}", looked.body);
        let path = format!("/app_instances/{id}");
        assert_eq!(portal.post_nothing("appo", &path).await.status, 202);

        body["mecHost"] = json!(hosts);
        body["hwCapabilities"] = json!(["GPU"]);
        body["appName"] = "batchapp".into();
        let batch = portal.send(Method::POST, "appo", "/app_instances/batch_create", &body).await;
        let ids: Vec<&str> = is_array(&batch.body["response"])
            .iter()
            .map(|item| item["appInstanceId"].as_str().expect("never null"))
            .collect();
        assert_eq!(ids.len(), 3);
        // Without a look at what became of it, every id.
        let all = json!({"appInstanceIds": ids});
        let sent = portal.send(Method::POST, "appo", "/app_instances/batch_instantiate", &all).await;
        assert_eq!(sent.status, 202, "{}", sent.body);
        rig.settled().await;

        let list = portal.get("appo", "/app_instance_infos").await;
        let mut running = 0;
        for row in is_array(&list.body["response"]) {
            for text in ["operationalStatus", "appName", "appDescriptor", "mecHost", "appInstanceId"] {
                assert!(row[text].is_string(), "{text}: {row}");
            }
            running += usize::from(row["operationalStatus"] == "Instantiated");
        }
        // The sample's release name is there once on each edge: the batch finds the first host's taken.
        assert!(running >= 2, "{}", list.body);

        assert_eq!(portal.call(Method::DELETE, "appo", &path, None).await.status, 202);
        let gone = portal.send(Method::POST, "appo", "/app_instances/batch_terminate", &all).await;
        assert_eq!(gone.status, 202);
        assert!(rig.settled().await.is_empty());
        let early = portal.get("appo", &path).await;
        assert_eq!(early.status, 404);
        let path = format!("/packages/{package}/hosts/127.1.0.1");
        let removed = portal.call(Method::DELETE, "apm", &path, None).await;
        assert_eq!((removed.status, &removed.body), (200, &json!("success")));
        assert_eq!(portal.get("apm", "/packages").await.body[0]["mecHostInfo"], json!([]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hosts_configuration_is_uploaded_under_whatever_name_it_has() {
    on_each_over_tls(async |rig| {
        let portal = Field::new(rig, ACCEPT);
        let hosts = rig.edges(1, 1).await;
        let boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
        let form = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"admin (2).conf\"\r\n\
             Content-Type: application/octet-stream\r\n\r\napiVersion: v1\nkind: Config\n\r\n--{boundary}--\r\n"
        );
        let path = format!("/mechosts/{}/k8sconfig", hosts[0]);
        let kind = format!("multipart/form-data; boundary={boundary}");
        let body = Some((kind.as_str(), form.into_bytes()));
        let sent = portal.call(Method::POST, "inventory", &path, body).await;
        assert!((200..300).contains(&sent.status), "{}", sent.body);
        let row = portal.get("inventory", &format!("/mechosts/{}", hosts[0])).await;
        assert_eq!(row.body["configUploadStatus"], "Uploaded");
    })
    .await;
}
