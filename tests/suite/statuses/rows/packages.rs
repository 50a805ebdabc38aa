//! The package manager.

use mecm::demo::api::At;
use serde_json::json;

use super::{Rows, form};

const AT: At = At::Apm;
const NOTHING: &str = "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90";
/// An app store that is on the list, where nobody is.
pub(crate) const STORE: &str = "127.9.9.9:8099";

pub(super) async fn taken(rows: &Rows<'_>) {
    let all = "/packages";
    rows.row(AT, "GET", all, None, 200).await;
    let nothing = format!("{all}/{NOTHING}");
    rows.row(AT, "GET", &nothing, None, 404).await;
    rows.row(AT, "GET", &format!("{nothing}/download"), None, 404)
        .await;
    rows.row(AT, "DELETE", &nothing, None, 404).await;

    let upload = async |status: u16| {
        let path = "/packages/upload";
        rows.row_with(AT, "POST", path, status, async |request| {
            form(path).await.on(request).0
        })
        .await
        .json::<serde_json::Value>()
        .await
        .unwrap()
    };
    let announced = |id: &str| {
        json!({"appPkgId": id, "appPkgName": "zone", "appPkgVersion": "1.0", "appId": NOTHING,
            "appPkgPath": format!("http://{STORE}/a.csar"), "mecHostInfo": [{"hostIp": "127.1.0.1"}]})
    };
    let told = upload(202).await;
    let own = format!("{all}/{}", told["appPackageId"].as_str().unwrap());
    rows.row(AT, "POST", all, Some(&announced(NOTHING)), 202).await;
    upload(409).await;
    rows.row(AT, "POST", all, Some(&announced(&NOTHING.replace('4', "5"))), 409)
        .await;

    rows.row(AT, "GET", &own, None, 200).await;
    let path = format!("{own}/download");
    let whole = rows
        .row_with(AT, "GET", &path, 200, async |request| request)
        .await;
    let tag = whole.headers()["etag"].to_str().unwrap().to_owned();
    for (header, value, status) in [
        ("range", "bytes=0-9", 206),
        ("if-none-match", tag.as_str(), 304),
        ("range", "bytes=99999999-", 416),
    ] {
        rows.row_with(AT, "GET", &path, status, async |request| {
            request.header(header, value)
        })
        .await;
    }
    rows.row(AT, "DELETE", &format!("{own}/hosts/127.1.0.1"), None, 200)
        .await;
    for path in [&own, &nothing] {
        rows.row(AT, "DELETE", path, None, 200).await;
    }
}
