//! What the descriptor (`MainServiceTemplate.yaml`, TOSCA simple profile with ETSI NFV-SOL 001 nodes) says of the application.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Quoted;
use crate::images::Images;
use crate::policy::Limits;
use crate::rules::{self, Fields};
use crate::warnings::Warnings;
use crate::yaml::Node;

/// The node type whose images are pulled (ETSI NFV-SOL 001).
const COMPUTE: &str = "tosca.nodes.nfv.Vdu.Compute";
/// The node type that says who made what (ETSI NFV-SOL 001).
const VNF: &str = "tosca.nodes.nfv.VNF";

/// What the suite takes from a descriptor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Descriptor {
    /// Who made the application, by the node `Simple_VNF`, else the manifest, else the metadata.
    pub provider: Option<String>,
    /// What it is called, from the same places.
    pub name: Option<String>,
    /// Its version, from the same places; as written (`1.0` stays `1.0`).
    pub version: Option<String>,
    /// The name its instances are known under in app rules.
    pub app_name: Option<String>,
    /// The images of its compute nodes, each once, in order.
    pub images: Vec<String>,
    /// What has to run on the same host.
    pub dependencies: Vec<Dependency>,
    /// Its app rules in the shape of the API: `{"appTrafficRule", "appDNSRule", "appName", "appSupportMp1"}`.
    pub rules: Option<Value>,
    /// Services it cannot do without.
    pub services_required: Vec<Service>,
    /// Services it would use.
    pub services_optional: Vec<Service>,
    /// Services it offers.
    pub services_produced: Vec<Service>,
    /// Hardware it names. Information only: published packages say `GPU` and run without.
    pub hardware: Vec<Hardware>,
}

/// A package of which an instance has to run on the same host, for the same tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// What it is called.
    pub name: Option<String>,
    /// Its app id, in any form.
    pub app_id: Option<String>,
    /// Its package id, in any form.
    pub package_id: Option<String>,
}

/// A service of the platform or of another application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// What it is called.
    pub ser_name: Option<String>,
    /// Its version as written.
    pub version: Option<String>,
    /// The app that offers it, in any form.
    pub app_id: Option<String>,
    /// The package that offers it, in any form.
    pub package_id: Option<String>,
}

/// One hardware requirement of a compute node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hardware {
    /// The compute node that has it.
    pub node: String,
    /// What it is called, like `mec_host_GPU_affinity`.
    pub name: String,
    /// The platform it is for.
    pub platform: Option<String>,
    /// What is wanted, like `GPU`.
    pub value: Option<String>,
    /// Whether the package says it cannot do without.
    pub mandatory: bool,
}

/// Reads a descriptor. Dependencies that cannot be understood are an error, because an instance would come up without what
/// it needs; everything else is left out with a warning.
pub(crate) fn read(root: &Node, limits: &Limits, warnings: &mut Warnings) -> Result<Descriptor, String> {
    if !matches!(root, Node::Map(_)) {
        return Err("it has to be a mapping".to_owned());
    }
    let nodes = match root.at(&["topology_template", "node_templates"]) {
        Some(Node::Map(nodes)) => nodes.as_slice(),
        _ => {
            warnings.push(|| "the descriptor has no topology_template.node_templates".to_owned());
            &[]
        }
    };
    let mut descriptor = Descriptor {
        dependencies: dependencies(root)?,
        ..Descriptor::default()
    };
    let mut found = Images::new("the descriptor", limits.images, warnings);
    for (name, node) in nodes {
        if node.text_at(&["type"]) == Some(COMPUTE) {
            descriptor.hardware.extend(hardware(name, node));
            images(name, node, &mut found);
        }
    }
    descriptor.images = found.into_found();
    let node = |name: &str| nodes.iter().find(|(key, _)| key == name).map(|(_, node)| &**node);
    if let Some(properties) = node("app_configuration").and_then(|node| node.at(&["properties"])) {
        descriptor.app_name = properties.text_at(&["appName"]).map(str::to_owned);
        descriptor.services_required = services(properties, "appServiceRequired", warnings);
        descriptor.services_optional = services(properties, "appServiceOptional", warnings);
        descriptor.services_produced = services(properties, "appServiceProduced", warnings);
        descriptor.rules = rules::read(properties).unwrap_or_else(|why| {
            warnings.push(|| format!("{why}; the app rules are left out"));
            None
        });
    }
    let vnf = || {
        nodes
            .iter()
            .find(|(_, node)| node.text_at(&["type"]) == Some(VNF))
            .map(|(_, node)| &**node)
    };
    if let Some(properties) = node("Simple_VNF")
        .or_else(vnf)
        .and_then(|node| node.at(&["properties"]))
    {
        descriptor.provider = filled(properties.text_at(&["provider"]));
        descriptor.name = filled(properties.text_at(&["product_name"]));
        descriptor.version = filled(properties.text_at(&["software_version"]));
    }
    Ok(descriptor)
}

/// Fills what `Simple_VNF` left open: from the manifest (provider, name, version), then from the metadata.
pub(crate) fn complete(descriptor: &mut Descriptor, manifest: [Option<&str>; 3], root: &Node) {
    let metadata = [
        ["template_author", "vnfd_provider"],
        ["vnfd_name", "template_name"],
        ["vnfd_version", "template_version"],
    ]
    .map(|keys| {
        keys.into_iter()
            .find_map(|key| filled(root.text_at(&["metadata", key])))
    });
    let places = [
        &mut descriptor.provider,
        &mut descriptor.name,
        &mut descriptor.version,
    ];
    for ((place, manifest), metadata) in places.into_iter().zip(manifest).zip(metadata) {
        if place.is_none() {
            *place = filled(manifest).or(metadata);
        }
    }
}

fn filled(text: Option<&str>) -> Option<String> {
    text.map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn dependencies(root: &Node) -> Result<Vec<Dependency>, String> {
    let all = Fields {
        node: root,
        path: String::from("descriptor"),
    }
    .objects("dependencies", |fields| {
        Ok(Dependency {
            name: fields.optional_text("name")?,
            app_id: fields.optional_text("appId")?,
            package_id: fields.optional_text("packageId")?,
        })
    });
    all.map_err(|why| why.trim_start_matches("descriptor.").to_owned())
}

/// The images of one compute node: one text, several where it has commas.
fn images(name: &str, node: &Node, found: &mut Images<'_>) {
    match node.at(&["properties", "sw_image_data", "name"]) {
        None => {}
        Some(Node::Text(text)) => {
            found.take(text);
        }
        Some(Node::List(items)) => {
            for item in items {
                if let Node::Text(text) = &**item
                    && !found.take(text)
                {
                    break;
                }
            }
        }
        Some(_) => found.warn(|| format!("the images of node {} are no text", Quoted(name))),
    }
}

fn hardware(name: &str, node: &Node) -> Vec<Hardware> {
    let requirements = node.at(&["properties", "vdu_mec_host_requirements"]);
    let pairs = requirements.map(Node::pairs).unwrap_or_default();
    let one = |(key, requirement): &(String, std::rc::Rc<Node>)| Hardware {
        node: name.to_owned(),
        name: key.clone(),
        platform: requirement.text_at(&["hardwarePlatform"]).map(str::to_owned),
        value: requirement.text_at(&["configurationValue"]).map(str::to_owned),
        mandatory: requirement
            .text_at(&["mandatory"])
            .is_some_and(|text| text.eq_ignore_ascii_case("true")),
    };
    pairs.iter().map(one).collect()
}

fn services(properties: &Node, key: &str, warnings: &mut Warnings) -> Vec<Service> {
    let fields = Fields {
        node: properties,
        path: String::from("app_configuration"),
    };
    let read = fields.objects(key, |fields| {
        Ok(Service {
            ser_name: fields.optional_text("serName")?,
            version: fields.optional_text("version")?,
            app_id: fields.optional_text("appId")?,
            package_id: fields.optional_text("packageId")?,
        })
    });
    read.unwrap_or_else(|why| {
        warnings.push(|| format!("{why}; these services are left out"));
        Vec::new()
    })
}
