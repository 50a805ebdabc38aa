//! Every constraint of these records, and the text that says it is broken.

use serde_json::{Value, json};

use super::{Bench, Kind, host, kinds};

/// One field: what it is answered with when it is empty, too long, and no match of its pattern; `""`: it has no such text.
struct Field {
    name: &'static str,
    max: usize,
    empty: &'static str,
    long: &'static str,
    pattern: &'static str,
    /// Whether an empty text, and every text that is too long, breaks the pattern too.
    strict: bool,
}

const fn field(
    name: &'static str,
    max: usize,
    empty: &'static str,
    long: &'static str,
    pattern: &'static str,
) -> Field {
    Field {
        name,
        max,
        empty,
        long,
        pattern,
        strict: max < 100,
    }
}

const CONTROLLER: &[Field] = &[
    field(
        "applcmName",
        128,
        "applcm name is empty",
        "applcm name length exceeds max size",
        "applcm name is invalid. It must start and end with alpha numeric characters and special characters allowed are hyphen and underscore",
    ),
    field(
        "applcmIp",
        15,
        "applcm IP is empty",
        "applcm IP length exceeds max size",
        "applcm IP is invalid",
    ),
    field(
        "applcmPort",
        5,
        "applcm port is empty",
        "applcm port length exceeds max size",
        "applcm port is invalid",
    ),
    field(
        "userName",
        128,
        "",
        "username length exceeds max size",
        "applcm username is invalid. It must start and end with alpha numeric characters and special characters allowed are hyphen and underscore",
    ),
];

const RULE_MANAGER: &[Field] = &[
    field(
        "appRuleName",
        128,
        "apprule name is empty",
        "apprule name length exceeds max size",
        "apprule name is invalid. It must start and end with alpha numeric characters and special characters allowed are hyphen and underscore",
    ),
    field(
        "appRuleIp",
        15,
        "apprule manager IP is empty",
        "apprule manager IP length exceeds max size",
        "apprule manger is invalid",
    ),
    field(
        "appRulePort",
        5,
        "apprule manager port is empty",
        "apprule manager port length exceeds max size",
        "apprule manager  port is invalid",
    ),
    field(
        "userName",
        128,
        "",
        "username length exceeds max size",
        "app rule username is invalid. It must start and end with alpha numeric characters and special characters allowed are hyphen and underscore",
    ),
];

const APP_STORE: &[Field] = &[
    field(
        "appstoreIp",
        15,
        "appstore IP is empty",
        "appstore IP length exceeds max size",
        "appstore IP is invalid",
    ),
    field(
        "appstorePort",
        5,
        "appstore port is empty",
        "appstore port length exceeds max size",
        "appstore port is invalid",
    ),
    field(
        "uri",
        128,
        "appstore URI is empty",
        "appstore URI length exceeds max size",
        "",
    ),
    field(
        "userName",
        128,
        "",
        "appstore username length exceeds max size",
        "appstore username is invalid. It must start and end with alpha numeric character and special characters allowed are hyphen and underscore",
    ),
    field(
        "appstoreName",
        128,
        "",
        "appstore name length exceeds max size",
        "appstore name is invalid. It must start and end with alpha numeric character and special characters allowed are hyphen and underscore",
    ),
    field(
        "producer",
        128,
        "",
        "appstore producer length exceeds max size",
        "appstore producer is invalid. It must start and end with alpha numeric character and special characters allowed are hyphen and underscore",
    ),
];

const HOST: &[Field] = &[
    field(
        "mechostIp",
        15,
        "mechost IP is empty",
        "mechost IP length exceeds max size",
        "mechost IP is invalid",
    ),
    field(
        "mechostName",
        128,
        "mechost name is empty",
        "mechost name length exceeds max size",
        "mechost name is invalid. It must start and end with alpha numeric characters and special characters allowed are hyphen and underscore",
    ),
    field(
        "zipCode",
        128,
        "",
        "mechost zipcode length exceeds max size",
        "mechost zipcode is invalid. It must start and end with alpha numeric characters and special characters allowed are hyphen and underscore",
    ),
    field(
        "city",
        128,
        "mechost city is empty",
        "mechost city length exceeds max size",
        "mechost city is invalid. It must start and end with alpha numeric characters and special characters allowed are forward slash and space",
    ),
    field(
        "address",
        256,
        "address is empty",
        "mechost address length exceeds max size",
        "",
    ),
    field(
        "affinity",
        128,
        "",
        "mechost affinity length exceeds max size",
        "mechost affinity is invalid. It must start and end with alpha numeric characters and special characters allowed are hyphen, underscore and comma",
    ),
    field(
        "userName",
        128,
        "",
        "mechost username length exceeds max size",
        "mechost username is invalid. It must start and end with alpha numeric characters and special characters allowed are hyphen and underscore",
    ),
    field(
        "edgerepoName",
        128,
        "",
        "edgerepoName length exceeds max size",
        "edgerepoName is invalid. It must start and end with alpha numeric characters and special characters allowed are hyphen and underscore",
    ),
    field(
        "edgerepoIp",
        15,
        "edgerepo IP is empty",
        "edgerepo IP length exceeds max size",
        "edgerepo IP is invalid",
    ),
    field(
        "edgerepoPort",
        5,
        "edgerepo port is empty",
        "edgerepo port length exceeds max size",
        "edgerepo port is invalid",
    ),
    field(
        "edgerepoUsername",
        128,
        "",
        "edgerepo username length exceeds max size",
        "edgerepo username is invalid. It must start and end with alpha numeric characters and special characters allowed are hyphen and underscore",
    ),
    field(
        "applcmIp",
        15,
        "applcm IP is empty",
        "applcm IP length exceeds max size",
        "applcm IP is invalid",
    ),
    field(
        "appRuleIp",
        15,
        "",
        "app rule manager IP length exceeds max size",
        "app rule manage IP is invalid",
    ),
    field(
        "coordinates",
        128,
        "co-ordinates is empty",
        "co-ordinates length exceeds max size",
        "",
    ),
];

const HARDWARE: &[Field] = &[
    field(
        "hwType",
        128,
        "",
        "type length exceeds max size",
        "type is invalid",
    ),
    field(
        "hwVendor",
        128,
        "",
        "vendor length exceeds max size",
        "vendor is invalid",
    ),
    field(
        "hwModel",
        128,
        "",
        "model length exceeds max size",
        "model is invalid",
    ),
];

impl Field {
    /// Values, and the texts that each is answered with; none: it is taken.
    fn cases(&self) -> Vec<(Value, Vec<&'static str>)> {
        let said = |texts: &[&'static str]| texts.iter().copied().filter(|text| !text.is_empty()).collect();
        let required = !self.empty.is_empty();
        let empty_breaks = if required && self.strict { self.pattern } else { "" };
        let long_breaks = if self.strict { self.pattern } else { "" };
        let mut cases = vec![
            (Value::Null, said(&[self.empty])),
            (Value::from(""), said(&[self.empty, empty_breaks])),
            (
                Value::from("1".repeat(self.max + 1)),
                said(&[self.long, long_breaks]),
            ),
        ];
        if !self.pattern.is_empty() {
            for wrong in ["-", "a!", " a", "a\n"] {
                cases.push((Value::from(wrong), said(&[self.pattern])));
            }
        }
        if !self.strict {
            // Characters are counted, not bytes.
            cases.push((Value::from("文".repeat(self.max)), vec![]));
        }
        cases
    }
}

async fn each_field(bench: &Bench, kind: &Kind, fields: &[Field]) {
    let one = format!("{}/10.0.0.1", kind.path);
    for field in fields {
        for (value, texts) in field.cases() {
            let mut record = kind.sample.clone();
            record[field.name] = value;
            if texts.is_empty() {
                bench.put(&one, &record).await.is_not_found();
            } else {
                bench.post(kind.path, &record).await.is_invalid(&texts);
                bench.put(&one, &record).await.is_invalid(&texts);
            }
        }
    }
}

#[tokio::test]
async fn each_constraint_of_each_record_has_its_text() {
    for bench in Bench::all().await {
        for (kind, fields) in kinds().iter().zip([CONTROLLER, RULE_MANAGER, APP_STORE, HOST]) {
            each_field(&bench, kind, fields).await;
        }
    }
}

#[tokio::test]
async fn an_empty_record_breaks_everything_in_field_order() {
    for bench in Bench::all().await {
        for (kind, fields) in kinds().iter().zip([CONTROLLER, RULE_MANAGER, APP_STORE, HOST]) {
            let texts: Vec<_> = fields
                .iter()
                .map(|field| field.empty)
                .filter(|text| !text.is_empty())
                .collect();
            bench.post(kind.path, &json!({})).await.is_invalid(&texts);
        }
    }
}

#[tokio::test]
async fn each_constraint_of_a_hardware_capability_has_its_text() {
    for bench in Bench::all().await {
        for field in HARDWARE {
            for (value, texts) in field.cases() {
                let mut record = host("10.0.0.1");
                record["hwcapabilities"][0][field.name] = value;
                let answer = bench.put("/mechosts/10.0.0.1", &record).await;
                if texts.is_empty() {
                    answer.is_not_found();
                } else {
                    answer.is_invalid(&texts);
                }
            }
        }
        let mut record = host("10.0.0.1");
        record["hwcapabilities"] = (0..11).map(|n| json!({"hwType": format!("T{n}")})).collect();
        bench
            .post("/mechosts", &record)
            .await
            .is_invalid(&["size must be between 0 and 10"]);
    }
}

#[tokio::test]
async fn each_constraint_of_software_capabilities_has_its_text() {
    for bench in Bench::all().await {
        let path = "/mechosts/10.0.0.1/capabilities/software";
        let software = |items: Vec<Value>| json!({"swcapabilities": items});
        let many = software(vec![json!({"capabilityName": "x"}); 101]);
        bench
            .put(path, &many)
            .await
            .is_invalid(&["size must be between 0 and 100"]);
        for member in ["capabilityId", "capabilityName", "version", "status"] {
            let long = software(vec![json!({member: "文".repeat(129)})]);
            bench
                .put(path, &long)
                .await
                .is_invalid(&["size must be between 0 and 128"]);
            let fits = software(vec![json!({member: "文 !".repeat(32)})]);
            bench.put(path, &fits).await.is_not_found();
        }
        bench
            .put(path, &software(vec![json!({}); 100]))
            .await
            .is_not_found();
    }
}

#[tokio::test]
async fn ports_and_ips_end_where_they_end() {
    for bench in Bench::all().await {
        for (port, good) in [
            ("1", true),
            ("65535", true),
            ("0", false),
            ("65536", false),
            ("080", false),
        ] {
            let record = json!({"applcmIp": "10.0.0.1", "applcmName": "a", "applcmPort": port});
            let answer = bench.put("/applcms/10.0.0.1", &record).await;
            if good {
                answer.is_not_found();
            } else {
                answer.is_invalid(&["applcm port is invalid"]);
            }
        }
        for ip in ["10.0.0.1/8", "10.0.0.01", "256.0.0.1", "10.0.0.1 "] {
            let record = json!({"applcmIp": ip, "applcmName": "a", "applcmPort": "1"});
            bench
                .post("/applcms", &record)
                .await
                .is_invalid(&["applcm IP is invalid"]);
        }
    }
}
