//! What a v1.0 controller makes of a package: the checks it does before anything is deployed.

use serde_json::Value;

use super::chart::Chart;
use super::scan::Scanned;

/// The most that a v1.0 controller unpacks, of one entry and of all.
const TOO_BIG: u64 = 100 * 1024 * 1024;
/// The most entries it takes without a complaint.
const TOO_MANY: usize = 1024;

/// A package, judged.
#[derive(Debug)]
pub(crate) struct Package {
    /// More than it wants to unpack: it complains and works on.
    pub(crate) over_limits: bool,
    /// Files it could not write: it complains about each and works on.
    pub(crate) orphans: usize,
    pub(crate) manifest: Manifest,
    /// `None`: there is no chart.
    pub(crate) chart: Option<Chart>,
}

/// What the manifest says about the way of deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manifest {
    Absent,
    NotYaml,
    Helm,
    /// Kubernetes or a virtual machine: not deployed.
    Other,
}

impl Package {
    pub(crate) fn judge(scanned: Scanned) -> Self {
        Self {
            over_limits: scanned.largest > TOO_BIG || scanned.total > TOO_BIG || scanned.entries > TOO_MANY,
            orphans: scanned.orphans.min(TOO_MANY),
            manifest: scanned
                .manifest
                .as_deref()
                .map_or(Manifest::Absent, Manifest::judge),
            chart: scanned.chart.as_deref().map(Chart::read),
        }
    }
}

impl Manifest {
    fn judge(text: &[u8]) -> Self {
        let Some(manifest) = yaml(text) else {
            return Self::NotYaml;
        };
        let sets = manifest.get("non_mano_artifact_sets");
        let has = |name: &str| sets.and_then(|sets| sets.get(name)).is_some();
        if has("applcm_k8s_chart_deployment") || has("applcm_VM_chart_deployment") {
            Self::Other
        } else {
            Self::Helm
        }
    }
}

/// A YAML document as JSON, keys that repeat included: the last one counts.
pub(crate) fn yaml(text: &[u8]) -> Option<Value> {
    let options = serde_saphyr::options! { duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins };
    serde_saphyr::from_slice_with_options(text, options).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_how_to_deploy() {
        let helm = b"metadata:\napp_product_name: x\n\nSource: a\nHash: 1\n\nSource: b\nHash: 2\n";
        assert_eq!(Manifest::judge(helm), Manifest::Helm);
        let kubernetes = b"non_mano_artifact_sets:\n  applcm_k8s_chart_deployment:\n    Source: x\n";
        assert_eq!(Manifest::judge(kubernetes), Manifest::Other);
        assert_eq!(Manifest::judge(b"a: b: c: [\n"), Manifest::NotYaml);
    }
}
