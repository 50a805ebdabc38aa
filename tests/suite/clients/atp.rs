//! ATP: brings a package to the first host and takes it away again.

use mecm::demo::package::Package;
use mecm::sample;
use reqwest::Method;
use serde_json::json;

use super::{Field, on_each_over_tls};

/// What its Java client accepts: text first, JSON all the same.
const ACCEPT: &str = "text/plain, application/json, application/*+json, */*";
const BOUNDARY: &str = "C-LJRdreVw6ImWxiw6qUA9HJdMK1V0yH_x";

/// The form as Spring writes it: the file first, each part with its own type and length, no blank behind the semicolon.
fn form(file: &[u8], fields: &[(&str, &str)]) -> Vec<u8> {
    let mut form = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"7f1d_demo.csar\"\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        file.len()
    )
    .into_bytes();
    form.extend_from_slice(file);
    for (name, value) in fields {
        form.extend_from_slice(
            format!(
                "\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\
                 Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{value}",
                value.len()
            )
            .as_bytes(),
        );
    }
    form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    form
}

#[tokio::test(flavor = "multi_thread")]
async fn atp_brings_a_package_to_the_first_host_and_takes_it_away() {
    on_each_over_tls(async |rig| {
        let atp = Field::new(rig, ACCEPT);
        let none = atp.call(Method::GET, "inventory", "/mechosts", None).await;
        assert_eq!(none.status, 404, "it leaves its host list out then");
        let hosts = rig.edges(2, 2).await;

        for kind in [
            format!("multipart/form-data;boundary={BOUNDARY}"),
            format!("multipart/form-data;charset=UTF-8;boundary={BOUNDARY}"),
        ] {
            let listed = atp.call(Method::GET, "inventory", "/mechosts", None).await;
            assert_eq!(listed.status, 200);
            assert!(listed.headers["content-type"].to_str().unwrap().starts_with("application/json"));
            let first = listed.body.as_array().expect("a bare array")[0]["mechostIp"].as_str().unwrap().to_owned();
            assert_eq!(first, hosts[0], "the first is always the same");

            let file = sample::build().unwrap();
            let fields = [
                ("hostList", first.as_str()),
                ("appPackageName", "demoapp"),
                ("appPackageVersion", "1.0"),
            ];
            let body = Some((kind.as_str(), form(&file, &fields)));
            let uploaded = atp.call(Method::POST, "apm", "/packages/upload", body).await;
            assert!(matches!(uploaded.status, 200 | 202), "{}", uploaded.body);
            let text = |member: &str| uploaded.body[member].as_str().unwrap().to_owned();
            let (package, app) = (text("appPackageId"), text("appId"));

            // Within milliseconds: the package can be downloaded by now.
            let create = json!({"appInstanceDescription": "8d5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77", "mecHost": first,
                "appName": "demoapp", "appId": app, "appPackageId": package});
            let body = Some(("application/json", create.to_string().into_bytes()));
            let created = atp.call(Method::POST, "appo", "/app_instances", body).await;
            assert!(matches!(created.status, 200 | 202), "{}", created.body);
            let id = created.body["response"]["app_instance_id"].as_str().unwrap().to_owned();
            atp.until(&id, "CREATED").await;

            let path = format!("/app_instances/{id}");
            let empty = Some(("application/x-www-form-urlencoded", Vec::new()));
            let accepted = atp.call(Method::POST, "appo", &path, empty).await;
            assert_eq!(accepted.status, 202, "200 is a failure to it: {}", accepted.body);
            atp.until(&id, "instantiated").await;

            let gone = atp.call(Method::DELETE, "appo", &path, None).await;
            assert!(matches!(gone.status, 200 | 202), "{}", gone.body);
            assert!(rig.settled().await.is_empty());
            assert!(rig.sim.totals().is_empty(), "{:?}", rig.sim.totals());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_atp_leaves_out_of_its_form_is_named_and_leaves_nothing_behind() {
    on_each_over_tls(async |rig| {
        let atp = Field::new(rig, ACCEPT);
        // Without a host it has no host list; what the manifest does not say, it leaves out too.
        assert_eq!(
            atp.call(Method::GET, "inventory", "/mechosts", None).await.status,
            404
        );
        let file = sample::build().unwrap();
        let package = Package::bytes("demo.csar", file.clone());
        let (name, version) = (package.name.unwrap(), package.version.unwrap());
        let fields = [
            ("hostList", "127.1.0.1"),
            ("appPackageName", name.as_str()),
            ("appPackageVersion", version.as_str()),
        ];
        let kind = format!("multipart/form-data;boundary={BOUNDARY}");
        for left_out in fields {
            let rest: Vec<_> = fields.into_iter().filter(|field| *field != left_out).collect();
            let body = Some((kind.as_str(), form(&file, &rest)));
            let refused = atp.call(Method::POST, "apm", "/packages/upload", body).await;
            let text = format!("Required part '{}' is not present", left_out.0);
            assert_eq!(refused.detail(), (400, text.as_str()));
        }
        let none = atp.call(Method::GET, "apm", "/packages", None).await;
        assert_eq!((none.status, &none.body), (200, &json!([])));

        // As the manifest has them, they are kept.
        let body = Some((kind.as_str(), form(&file, &fields)));
        assert_eq!(
            atp.call(Method::POST, "apm", "/packages/upload", body)
                .await
                .status,
            202
        );
        let kept = atp.call(Method::GET, "apm", "/packages", None).await.body;
        assert_eq!(
            (&kept[0]["appPkgName"], &kept[0]["appPkgVersion"]),
            (&json!(name), &json!(version))
        );
    })
    .await;
}
