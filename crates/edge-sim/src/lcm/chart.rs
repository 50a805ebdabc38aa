//! The Helm chart of a package, as far as the controller's plugin looks into it.

use std::io::Read;

use flate2::read::GzDecoder;
use tar::Archive;

use super::package::yaml;

/// The most that is unpacked of a chart.
const LARGEST: u64 = 32 * 1024 * 1024;
/// The most that is read of one file in it.
const LARGEST_FILE: u64 = 1024 * 1024;

/// What the plugin makes of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chart {
    /// The release's name: the chart's.
    Fine(String),
    /// What the plugin says instead of deploying.
    Refused(&'static str),
}

/// The values have no `appconfig.aksk`: the plugin falls over, and its connection breaks.
const NO_KEYS: &str = "rpc error: code = Unavailable desc = transport is closing";
pub(crate) const NO_GZIP: &str = "rpc error: code = Unknown desc = gzip: invalid header";
const NO_VALUES: &str = "rpc error: code = Unknown desc = open values.yaml: no such file or directory";
const NO_CHART: &str = "rpc error: code = Unknown desc = Chart.yaml file is missing";

impl Chart {
    /// Reads a packed chart.
    pub(crate) fn read(packed: &[u8]) -> Self {
        let mut archive = Archive::new(GzDecoder::new(packed).take(LARGEST));
        let Ok(entries) = archive.entries() else {
            return Self::Refused(NO_GZIP);
        };
        let mut top = None;
        let (mut values, mut about) = (None, None);
        for entry in entries {
            let Ok(entry) = entry else {
                return Self::Refused(NO_GZIP);
            };
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let Ok(path) = entry.path().map(|path| path.to_string_lossy().into_owned()) else {
                continue;
            };
            let Some((first, rest)) = path.split_once('/') else {
                continue;
            };
            let top = top.get_or_insert_with(|| first.to_owned());
            if first != top {
                continue;
            }
            let wanted = match rest {
                "values.yaml" => &mut values,
                "Chart.yaml" => &mut about,
                _ => continue,
            };
            let mut text = Vec::new();
            if entry.take(LARGEST_FILE).read_to_end(&mut text).is_err() {
                return Self::Refused(NO_GZIP);
            }
            *wanted = yaml(&text);
        }
        let Some(values) = values else {
            return Self::Refused(NO_VALUES);
        };
        if !values
            .pointer("/appconfig/aksk")
            .is_some_and(|keys| keys.is_object())
        {
            return Self::Refused(NO_KEYS);
        }
        match about
            .as_ref()
            .and_then(|about| about.get("name"))
            .and_then(|name| name.as_str())
        {
            Some(name) => Self::Fine(name.to_owned()),
            None => Self::Refused(NO_CHART),
        }
    }
}
