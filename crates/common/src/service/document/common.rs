//! What every operation has besides its own: a name, the errors of layers and extractors, bounds of parameters behind the `?`;
//! and the open routes.

use serde_json::{Map, Value, json};

/// What parameters behind the `?` and in headers must keep to.
const QUERIES: &[(&str, &str)] = &[
    ("hwCapabilities", r#"{"type": "string", "examples": ["GPU,NPU"]}"#),
    (
        "swCapabilities",
        r#"{"type": "string", "examples": ["Face Recognition"]}"#,
    ),
    (
        "city",
        r#"{"type": "string", "maxLength": 128, "examples": ["广东省/深圳市"]}"#,
    ),
    ("affinity", r#"{"type": "string", "examples": ["X86"]}"#),
    (
        "limit",
        r#"{"type": ["integer", "null"], "minimum": 1, "maximum": 4294967295, "examples": [100]}"#,
    ),
    (
        "cursor",
        r#"{"type": ["string", "null"], "pattern": "^[0-9]{0,18}$", "examples": ["42"]}"#,
    ),
    (
        "appInstId",
        r#"{"type": "string", "examples": ["7d0e2f7c-8b1b-4d0c-9a53-9d3f5c1f2a10"]}"#,
    ),
    ("force", r#"{"type": ["boolean", "null"], "examples": [true]}"#),
    (
        "appinstanceids",
        r#"{"type": "string", "examples": ["7d0e2f7c-8b1b-4d0c-9a53-9d3f5c1f2a10"]}"#,
    ),
];

/// Completes the operations of a document whose paths begin with `base`.
pub(super) fn complete(document: &mut Value, base: &str) {
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    for (path, item) in paths.iter_mut() {
        let open = path.ends_with("/token_key");
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            operation["operationId"] = name_of(method, path).into();
            if operation["description"].is_null() {
                operation["description"] = operation["summary"].clone();
            }
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten() {
                let known = QUERIES.iter().find(|(name, _)| parameter["name"] == **name);
                if let Some((_, schema)) = known {
                    parameter["schema"] = serde_json::from_str(schema).unwrap_or_default();
                }
            }
            if open {
                operation["security"] = json!([]);
            } else {
                errors(operation, method != "get");
            }
        }
    }
    paths.extend(open_routes(base));
}

/// `get_mechosts_by_mechost_ip`: unique, since method and path are.
fn name_of(method: &str, path: &str) -> String {
    let mut name = method.to_owned();
    for part in path.split('/').skip(3) {
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some("tenant_id") => {}
            Some(parameter) => {
                name.push_str("_by_");
                name.push_str(parameter);
            }
            None if part == "tenants" => {}
            None => {
                name.push('_');
                name.push_str(part);
            }
        }
    }
    name
}

/// The errors that an operation need not tell itself.
fn errors(operation: &mut Value, writes: bool) {
    let content = operation["requestBody"]["content"].as_object();
    let has_body = content.is_some();
    // To check a signature the body is read, whoever else would.
    let signed = operation["security"]
        .as_array()
        .is_some_and(|ways| ways.iter().any(|way| way["signature"].is_array()));
    let reads_json = content.is_some_and(|content| content.contains_key("application/json"));
    let mut common = vec![
        (
            "400",
            "A parameter, the body or the form of the access token breaks a constraint; `details` say which",
        ),
        ("401", "No log-in, one that does not hold, or another tenant's"),
        ("403", "The role is too low"),
        (
            "502",
            "The key of the token's or the signature's maker cannot be asked for; `message` says of whom",
        ),
        ("431", "The header is too large"),
        ("503", "The database does not answer"),
        ("504", "Who is asked for that key is too slow"),
    ];
    if has_body || signed {
        common.push(("408", "The body stood still"));
        common.push((
            "429",
            "All the room for bodies is taken; `Retry-After` says in how many seconds to come again",
        ));
    }
    if reads_json {
        common.push(("413", "The body is too large"));
        common.push(("415", "The body is no JSON"));
    }
    if writes {
        common.push(("507", "No room left on the disk"));
    }
    for (status, description) in common {
        let told = &mut operation["responses"][status];
        if told.is_null() {
            *told = json!({
                "description": description,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}},
            });
        }
        if matches!(status, "429" | "503") {
            told["headers"] = json!({"Retry-After": {
                "description": "In how many seconds to come again", "schema": {"type": "integer", "minimum": 1}}});
        }
    }
}

/// What anybody may ask.
fn open_routes(base: &str) -> Map<String, Value> {
    let text = |about: &str, example: &str| json!({"description": about, "content": {"text/plain": {"schema": {"type": "string"}, "example": example}}});
    let state = json!({"type": "object", "required": ["status", "checks"], "properties": {
        "status": {"type": "string", "enum": ["up", "down"]},
        "checks": {"type": "object", "additionalProperties": {"type": "object", "properties": {
            "status": {"type": "string", "enum": ["up", "down"]},
            "reason": {"type": ["string", "null"], "description": "Why it is down"}}}}}});
    let ready = |about: &str, status: &str, reason: Value| {
        json!({"description": about, "content": {"application/json": {"schema": state, "example":
            {"status": status, "checks": {"database": {"status": status, "reason": reason}}}}}})
    };
    let operation = |id: &str, summary: &str, responses: Value| {
        json!({"get": {"tags": ["health"], "operationId": id, "summary": summary, "description": summary,
            "security": [], "responses": responses}})
    };
    let mut routes = Map::new();
    routes.insert(
        format!("{base}/health"),
        operation(
            "get_health",
            "Whether the process runs.",
            json!({"200": text("It does", "ok")}),
        ),
    );
    routes.insert(
        format!("{base}/ready"),
        operation(
            "get_ready",
            "Whether what the service cannot work without is there.",
            json!({
                "200": ready("All of it", "up", Value::Null),
                "503": ready("Not all of it", "down", "the database does not answer".into()),
            }),
        ),
    );
    routes.insert(
        "/metrics".to_owned(),
        operation(
            "get_metrics",
            "Measurements, in the text format of Prometheus.",
            json!({"200": text("All series", "mecm_http_requests_total 1\n")}),
        ),
    );
    routes
}
