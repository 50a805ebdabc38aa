//! The registry of services: what applications offer, whether they still live, and who uses it.

use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Capability, Consumer, Platform};
use crate::reply::Reply;

/// The most services, and the most subscriptions, of one application.
const MOST: usize = 50;
/// Every interval but 0 becomes this one, in seconds.
const INTERVAL: u64 = 60;
/// A service that was not heard for so long is suspended.
const SUSPENDED_AFTER: TimeDelta = TimeDelta::seconds(63);

/// A registered service.
#[derive(Debug)]
pub(crate) struct Service {
    id: String,
    pub(crate) instance: String,
    name: String,
    version: String,
    active: bool,
    serializer: String,
    /// 0: no heartbeat.
    interval: u64,
    heard: DateTime<Utc>,
}

/// Which services an app instance wants to hear about: it counts as their consumer.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) instance: String,
    ids: Vec<String>,
    names: Vec<String>,
}

impl Subscription {
    fn wants(&self, id: &str, name: &str) -> bool {
        self.ids.iter().any(|wanted| wanted == id) || self.names.iter().any(|wanted| wanted == name)
    }
}

impl Service {
    fn status(&self, now: DateTime<Utc>) -> &'static str {
        match (self.active, self.interval) {
            (false, _) => "INACTIVE",
            (true, 1..) if now - self.heard >= SUSPENDED_AFTER => "SUSPENDED",
            (true, _) => "ACTIVE",
        }
    }

    pub(crate) fn capability(&self, now: DateTime<Utc>) -> Capability {
        Capability {
            capability_id: self.id.clone(),
            capability_name: self.name.clone(),
            status: self.status(now).to_owned(),
            version: self.version.clone(),
            consumers: Vec::new(),
        }
    }

    fn to_json(&self, root: &str, now: DateTime<Utc>) -> Value {
        let path = format!("{root}/applications/{}/services/{}", self.instance, self.id);
        json!({
            "serInstanceId": self.id,
            "serName": self.name,
            "version": self.version,
            "state": self.status(now),
            "serializer": self.serializer,
            "livenessInterval": self.interval,
            "_links": {"self": {"href": path, "liveness": format!("{path}/liveness")}},
        })
    }

    /// Takes over what a registration or an update says; the parameter that is wrong otherwise.
    fn read(body: &[u8]) -> Result<Registration, &'static str> {
        let body: Value = serde_json::from_slice(body).map_err(|_| "body")?;
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let name = text("serName");
        if name.is_empty() || name.chars().count() > 128 {
            return Err("serName");
        }
        if !is_version(text("version")) {
            return Err("version");
        }
        let active = match text("state") {
            "ACTIVE" => true,
            "INACTIVE" => false,
            _ => return Err("state"),
        };
        if !["JSON", "XML", "PROTOBUF3"].contains(&text("serializer")) {
            return Err("serializer");
        }
        let interval = match &body["livenessInterval"] {
            Value::Null => 0,
            value => value.as_u64().ok_or("livenessInterval")?.min(1) * INTERVAL,
        };
        Ok(Registration {
            name: name.to_owned(),
            version: text("version").to_owned(),
            active,
            serializer: text("serializer").to_owned(),
            interval,
        })
    }
}

struct Registration {
    name: String,
    version: String,
    active: bool,
    serializer: String,
    interval: u64,
}

/// One to three numbers with dots between them.
fn is_version(text: &str) -> bool {
    let parts: Vec<_> = text.split('.').collect();
    parts.len() <= 3
        && text.len() <= 64
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// An error of the platform's registry.
pub(crate) fn problem(status: StatusCode, title: &str, detail: &str) -> Reply {
    Reply::json(
        status,
        &json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail}),
    )
}

fn not_found() -> Reply {
    problem(
        StatusCode::NOT_FOUND,
        "Can not found resource",
        "service not found",
    )
}

/// What is done to an application's services. `root` is the path up to `/applications`, as the caller wrote it.
impl Platform {
    pub(crate) fn register(&mut self, root: &str, instance: &str, body: &[u8], now: DateTime<Utc>) -> Reply {
        let service = match Service::read(body) {
            Ok(service) => service,
            Err(what) => return problem(StatusCode::BAD_REQUEST, "Parameter incorrect", what),
        };
        if self
            .services
            .iter()
            .filter(|service| service.instance == instance)
            .count()
            >= MOST
        {
            return problem(
                StatusCode::FORBIDDEN,
                "Operation not allowed",
                "services exceed max limit",
            );
        }
        let service = Service {
            id: uuid::Uuid::new_v4().simple().to_string(),
            instance: instance.to_owned(),
            name: service.name,
            version: service.version,
            active: service.active,
            serializer: service.serializer,
            interval: service.interval,
            heard: now,
        };
        let location = format!("{root}/applications/{instance}/services/{}", service.id);
        let body = service.to_json(root, now);
        self.services.push(service);
        Reply {
            location: Some(location),
            ..Reply::json(StatusCode::CREATED, &body)
        }
    }

    pub(crate) fn list(&self, root: &str, instance: &str, now: DateTime<Utc>) -> Reply {
        let own = self
            .services
            .iter()
            .filter(|service| service.instance == instance);
        Reply::json(
            StatusCode::OK,
            &own.map(|service| service.to_json(root, now)).collect::<Vec<_>>(),
        )
    }

    fn service(&mut self, instance: &str, id: &str) -> Option<&mut Service> {
        self.services
            .iter_mut()
            .find(|service| service.instance == instance && service.id == id)
    }

    pub(crate) fn look(&mut self, root: &str, instance: &str, id: &str, now: DateTime<Utc>) -> Reply {
        match self.service(instance, id) {
            Some(service) => Reply::json(StatusCode::OK, &service.to_json(root, now)),
            None => not_found(),
        }
    }

    pub(crate) fn update(
        &mut self,
        root: &str,
        instance: &str,
        id: &str,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Reply {
        let Some(service) = self.service(instance, id) else {
            return not_found();
        };
        match Service::read(body) {
            Ok(Registration {
                name,
                version,
                active,
                serializer,
                interval,
            }) => {
                (service.name, service.version, service.serializer) = (name, version, serializer);
                (service.active, service.interval, service.heard) = (active, interval, now);
                Reply::json(StatusCode::OK, &service.to_json(root, now))
            }
            Err(what) => problem(StatusCode::BAD_REQUEST, "Parameter incorrect", what),
        }
    }

    pub(crate) fn deregister(&mut self, instance: &str, id: &str) -> Reply {
        let before = self.services.len();
        self.services
            .retain(|service| service.instance != instance || service.id != id);
        if self.services.len() < before {
            Reply::empty(StatusCode::NO_CONTENT)
        } else {
            not_found()
        }
    }

    /// When a service was last heard.
    pub(crate) fn liveness(&mut self, instance: &str, id: &str, now: DateTime<Utc>) -> Reply {
        match self.service(instance, id) {
            Some(service) if service.interval > 0 => Reply::json(
                StatusCode::OK,
                &json!({
                    "state": service.status(now),
                    "timeStamp": {
                        "seconds": service.heard.timestamp(),
                        "nanoSeconds": service.heard.timestamp_subsec_nanos(),
                    },
                    "interval": service.interval,
                }),
            ),
            _ => not_found(),
        }
    }

    /// A heartbeat.
    pub(crate) fn beat(&mut self, instance: &str, id: &str, body: &[u8], now: DateTime<Utc>) -> Reply {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(service) = self.service(instance, id) else {
            return not_found();
        };
        if body != json!({"state": "ACTIVE"}) {
            return problem(StatusCode::BAD_REQUEST, "Parameter incorrect", "state");
        }
        match (service.interval, service.active) {
            (0, _) => not_found(),
            (_, false) => problem(StatusCode::CONFLICT, "Service is inactive", "state"),
            _ => {
                service.heard = now;
                Reply::empty(StatusCode::NO_CONTENT)
            }
        }
    }

    /// A subscription to services, by id or by name: its owner is their consumer from then on.
    pub(crate) fn subscribe(&mut self, root: &str, instance: &str, body: &[u8]) -> Reply {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let wanted = &body["filteringCriteria"];
        let texts = |name: &str| -> Vec<String> {
            let items = wanted[name].as_array().into_iter().flatten();
            items
                .filter_map(Value::as_str)
                .take(MOST)
                .map(str::to_owned)
                .collect()
        };
        let subscription = Subscription {
            instance: instance.to_owned(),
            ids: texts("serInstanceIds"),
            names: texts("serNames"),
        };
        if subscription.ids.is_empty() && subscription.names.is_empty() {
            return problem(
                StatusCode::BAD_REQUEST,
                "Parameter incorrect",
                "filteringCriteria",
            );
        }
        if self
            .subscriptions
            .iter()
            .filter(|other| other.instance == instance)
            .count()
            >= MOST
        {
            return problem(
                StatusCode::FORBIDDEN,
                "Operation not allowed",
                "subscriptions exceed max limit",
            );
        }
        self.subscriptions.push(subscription);
        let id = uuid::Uuid::new_v4();
        let location = format!("{root}/applications/{instance}/subscriptions/{id}");
        Reply {
            location: Some(location),
            ..Reply::json(StatusCode::CREATED, &body)
        }
    }

    /// Adds those who subscribed to a capability to its consumers, each once.
    pub(crate) fn with_consumers(&self, mut capability: Capability) -> Capability {
        let wanting = self
            .subscriptions
            .iter()
            .filter(|one| one.wants(&capability.capability_id, &capability.capability_name));
        for subscription in wanting {
            let consumer = Consumer {
                application_instance_id: subscription.instance.clone(),
            };
            if !capability.consumers.contains(&consumer) {
                capability.consumers.push(consumer);
            }
        }
        capability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_up_to_three_numbers() {
        for good in ["1", "1.0", "10.20.30"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "1.", "v1", "1.0.0.0", "1..2", "-1"] {
            assert!(!is_version(bad), "{bad}");
        }
    }

    #[test]
    fn a_registration_is_checked_field_by_field() {
        let good = json!({"serName": "s", "version": "1.0", "state": "ACTIVE", "serializer": "JSON",
            "livenessInterval": 5});
        let read = |name: &str, value: Value| {
            let mut body = good.clone();
            body[name] = value;
            Service::read(body.to_string().as_bytes()).err()
        };
        assert_eq!(
            Service::read(good.to_string().as_bytes()).ok().unwrap().interval,
            60
        );
        assert_eq!(read("serName", json!("s".repeat(129))), Some("serName"));
        assert_eq!(read("version", json!(1.0)), Some("version"));
        assert_eq!(read("state", json!("SUSPENDED")), Some("state"));
        assert_eq!(read("serializer", json!("YAML")), Some("serializer"));
        assert_eq!(read("livenessInterval", json!("60")), Some("livenessInterval"));
    }
}
