//! What every route has in common, put into the OpenAPI document here and nowhere else: the parameters in paths, the ways
//! to log in, and the errors that the layers and the extractors answer before a handler is asked.

mod answers;
mod bodies;
mod common;

use bytes::Bytes;
use serde_json::Value;
use utoipa::PartialSchema;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Components, Object, ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{OpenApi, PathItem, RefOr, Required};

use crate::models::error::ErrorBody;
use crate::validate::Pattern;

/// A parameter that may stand in a path.
struct InPath {
    name: &'static str,
    description: &'static str,
    max: usize,
    pattern: Option<Pattern>,
    example: &'static str,
}

const fn ip(name: &'static str, description: &'static str) -> InPath {
    InPath {
        name,
        description,
        max: 15,
        pattern: Some(Pattern::HostIp),
        example: "10.0.0.2",
    }
}

const fn uuid(name: &'static str, description: &'static str) -> InPath {
    InPath {
        name,
        description,
        max: 36,
        pattern: Some(Pattern::AppInstanceId),
        example: "7d0e2f7c-8b1b-4d0c-9a53-9d3f5c1f2a10",
    }
}

const fn text(name: &'static str, description: &'static str, max: usize, example: &'static str) -> InPath {
    InPath {
        name,
        description,
        max,
        pattern: None,
        example,
    }
}

const IN_PATHS: &[InPath] = &[
    InPath {
        name: "tenant_id",
        description: "The tenant: the `userId` of the caller's token",
        max: 64,
        pattern: Some(Pattern::TenantId),
        example: "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77",
    },
    ip("mechost_ip", "The IPv4 address of the edge host"),
    ip("host_ip", "The IPv4 address of the edge host"),
    ip("applcm_ip", "The IPv4 address of the LCM controller"),
    ip("apprule_ip", "The IPv4 address of the app rule manager"),
    ip("appstore_ip", "The IPv4 address of the app store"),
    uuid("app_instance_id", "The application instance"),
    uuid("app_id", "The application instance"),
    uuid("apprule_task_id", "The app rule task"),
    InPath {
        name: "app_package_id",
        description: "The application package",
        max: 32,
        pattern: Some(Pattern::PackageId),
        example: "f0e1d2c3b4a5968778695a4b3c2d1e0f",
    },
    text(
        "capability_type",
        "The `hwType` of the capability, exactly",
        128,
        "GPU",
    ),
    text("ak", "The access key", 128, "QUtBS0FLQUtBS0FLQUs="),
    text(
        "capability_id",
        "The capability",
        64,
        "16384563dca094183778a41ea7701d15",
    ),
];

/// The names of the ways to log in.
const ACCESS_TOKEN: &str = "access_token";
const BEARER: &str = "bearer";
const SIGNATURE: &str = "signature";

/// The document as it is served, with what all routes have in common and what bodies must keep to. An error that a route
/// documents itself stays as the route tells it. `base`: where the service's paths begin.
pub(super) fn finished(mut document: OpenApi, name: &str, base: &str) -> Bytes {
    routes(&mut document, name);
    let mut told = serde_json::to_value(&document).unwrap_or_default();
    answers::part(&mut told);
    bodies::complete(&mut told);
    common::complete(&mut told, base);
    told.to_string().into()
}

fn routes(document: &mut OpenApi, name: &str) {
    document.info.title = format!("MECM {name}");
    "1.0".clone_into(&mut document.info.version);
    document.info.description = Some(
        "The interface of EdgeGallery MECM v1.0. Every error has one shape, `ErrorBody`; unknown members of a body are \
         ignored; a number or a boolean is taken where a text is expected; an absent optional member is answered as null, \
         an absent list as an empty one."
            .to_owned(),
    );
    document.info.license = None;
    document.info.contact = None;
    let components = document.components.get_or_insert_with(Components::new);
    components
        .schemas
        .insert("ErrorBody".to_owned(), ErrorBody::schema());
    for (name, scheme) in schemes() {
        components.security_schemes.insert(name.to_owned(), scheme.into());
    }
    for (path, item) in &mut document.paths.paths {
        let (open, own) = (path.ends_with("/token_key"), path.contains("{tenant_id}"));
        let parameters: Vec<Parameter> = in_path(path).collect();
        for operation in operations(item) {
            let all = operation.parameters.get_or_insert_default();
            all.splice(0..0, parameters.iter().cloned().map(RefOr::T));
            if all.is_empty() {
                operation.parameters = None;
            }
            if open {
                continue;
            }
            let by_token_alone = path.contains("/credentials") || path.ends_with("/audit");
            if own && by_token_alone {
                operation.security = Some(
                    [ACCESS_TOKEN, BEARER]
                        .map(|name| SecurityRequirement::new(name, [] as [&str; 0]))
                        .into(),
                );
            } else if own {
                operation.security = Some(
                    [ACCESS_TOKEN, BEARER, SIGNATURE]
                        .map(|name| SecurityRequirement::new(name, [] as [&str; 0]))
                        .into(),
                );
            } else {
                operation.security = Some(vec![SecurityRequirement::new(SIGNATURE, [] as [&str; 0])]);
            }
        }
    }
}

fn schemes() -> [(&'static str, SecurityScheme); 3] {
    let header = |name, about: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, about)))
    };
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The same token in the standard header"));
    [
        (
            ACCESS_TOKEN,
            header(
                "access_token",
                "An RS256 access token of the platform, or of Inventory",
            ),
        ),
        (BEARER, SecurityScheme::Http(bearer.build())),
        (
            SIGNATURE,
            header(
                "Authorization",
                "`SDK-HMAC-SHA256 Access=…, SignedHeaders=…, Signature=…`: the request signed with an access and a secret key",
            ),
        ),
    ]
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

/// The parameters of a path template, in its order.
fn in_path(path: &str) -> impl Iterator<Item = Parameter> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let known = IN_PATHS.iter().find(|known| known.name == name);
            let base = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True);
            match known {
                Some(known) => base
                    .description(Some(known.description))
                    .schema(Some(known.schema()))
                    .build(),
                None => base.schema(Some(Object::with_type(Type::String))).build(),
            }
        })
}

impl InPath {
    fn schema(&self) -> Object {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(self.max))
            .pattern(self.pattern.map(Pattern::expression))
            .examples([self.example])
            .build()
    }
}

/// The first thing in a document that a reader could not use: a parameter in a path that is not described here, an
/// operation without a summary or with another's name, one that documents a 500 or a `default` answer, a member without an
/// example.
///
/// # Errors
/// What it is, for the test of the service to print.
pub fn flaw(told: &Value) -> Result<(), String> {
    let mut names = std::collections::HashSet::new();
    for (path, item) in told["paths"].as_object().into_iter().flatten() {
        let unknown = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .find(|name| IN_PATHS.iter().all(|known| known.name != *name));
        if let Some(name) = unknown {
            return Err(format!(
                "{path}: add {name} to IN_PATHS of common's service::document"
            ));
        }
        for operation in item.as_object().into_iter().flat_map(serde_json::Map::values) {
            if !operation["summary"].is_string() {
                return Err(format!("{path}: an operation has no summary"));
            }
            let unclear = ["500", "default"]
                .into_iter()
                .find(|status| operation["responses"].get(*status).is_some());
            if let Some(status) = unclear {
                return Err(format!("{path}: documents {status}"));
            }
            let name = operation["operationId"].as_str().unwrap_or_default();
            if name.is_empty() || !names.insert(name) {
                return Err(format!(
                    "{path}: {name:?} is no name of an operation, or another's"
                ));
            }
        }
    }
    match bodies::without_example(told) {
        Some(members) => Err(format!(
            "without an example: {members}; add one to models::members, or to ANSWERS of service::document::bodies"
        )),
        None => Ok(()),
    }
}
