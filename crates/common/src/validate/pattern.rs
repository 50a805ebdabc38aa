//! Every pattern of the interface, compiled once. All match the whole text; `\p{L}` is any script's letter,
//! a digit is an ASCII digit.

use std::sync::LazyLock;

use regex::Regex;

/// A named pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Lower-case UUID.
    TenantId,
    /// UUID in either case. Also of tasks, operations and batches.
    AppInstanceId,
    /// 32 lower-case hexadecimal digits. Also of app ids.
    PackageId,
    /// Dotted IPv4 with no leading zeros.
    HostIp,
    /// As [`Pattern::HostIp`], with an optional `/0` to `/32`.
    IpOrCidr,
    /// 1 to 65535 with no leading zero.
    Port,
    /// Six pairs joined all alike, or three dotted groups of four.
    Mac,
    /// ASCII letters and digits, with `_` and `-` inside.
    AppName,
    /// Letters of any script and digits, with `_`, `-` and `.` inside.
    AppPackageName,
    /// Letters of any script and digits, with `_` and `-` inside.
    Name,
    /// Letters of any script and digits, with `/` and white space inside.
    City,
    /// As [`Pattern::Name`], with `,` inside too.
    Affinity,
    /// ASCII letters, digits, `_` and blanks.
    AppStatus,
}

const OCTET: &str = r"([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])";

static COMPILED: LazyLock<[Regex; 13]> = LazyLock::new(|| {
    let ip = format!(r"({OCTET}\.){{3}}{OCTET}");
    let pair = "[0-9a-fA-F]{2}";
    let compile = |inner: &str| {
        Regex::new(&format!(r"\A(?:{inner})\z")).expect("the patterns are constants and tested to compile")
    };
    [
        compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        compile("[a-fA-F0-9]{8}(-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}"),
        compile("[0-9a-f]{32}"),
        compile(&ip),
        compile(&format!(r"{ip}(/([0-9]|[1-2][0-9]|3[0-2]))?")),
        compile(
            r"[1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]",
        ),
        compile(&format!(
            r"{pair}(-{pair}){{5}}|{pair}(:{pair}){{5}}|{pair}( {pair}){{5}}|({pair}){{6}}|([0-9a-fA-F]{{4}}\.){{2}}[0-9a-fA-F]{{4}}"
        )),
        compile(r"[a-zA-Z0-9]*|[a-zA-Z0-9][a-zA-Z0-9_\-]*[a-zA-Z0-9]"),
        compile(r"[0-9\p{L}]*|[0-9\p{L}][0-9\p{L}_\-.]*[0-9\p{L}]"),
        compile(r"[0-9\p{L}]*|[0-9\p{L}][0-9\p{L}_\-]*[0-9\p{L}]"),
        compile(r"[0-9\p{L}]*|[0-9\p{L}][0-9\p{L}/ \t\n\x0B\f\r]*[0-9\p{L}]"),
        compile(r"[0-9\p{L}]*|[0-9\p{L}][0-9\p{L}_\-,]*[0-9\p{L}]"),
        compile(r"[a-zA-Z0-9_ ]*"),
    ]
});

impl Pattern {
    /// Whether the whole of `text` is of this pattern.
    pub fn matches(self, text: &str) -> bool {
        COMPILED[self as usize].is_match(text)
    }

    /// The expression itself, for an OpenAPI document: anchored, in the dialect that JSON Schema takes.
    pub fn expression(self) -> String {
        let compiled = COMPILED[self as usize].as_str();
        let inner = compiled.trim_start_matches(r"\A").trim_end_matches(r"\z");
        format!("^{inner}$")
    }

    /// The expression that v1.0 printed in its `must match "…"` texts.
    pub fn v1_expression(self) -> &'static str {
        match self {
            Self::HostIp => {
                r"^(([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])\.){3}([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])$"
            }
            Self::IpOrCidr => {
                r"^(([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])\.){3}([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])(\/([0-9]|[1-2][0-9]|3[0-2]))?$"
            }
            Self::Port => r"^([1-9]|[1-9]\d{1,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$",
            Self::AppInstanceId => {
                r"([a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}){1}"
            }
            other => COMPILED[other as usize].as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(pattern: Pattern, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(pattern.matches(text), "{pattern:?} should take {text:?}");
        }
        for text in bad {
            assert!(!pattern.matches(text), "{pattern:?} should refuse {text:?}");
        }
    }

    #[test]
    fn each_pattern_takes_and_refuses_what_the_interface_says() {
        table(
            Pattern::HostIp,
            &["0.0.0.0", "255.255.255.255", "10.0.0.2"],
            &[
                "",
                "256.0.0.1",
                "1.2.3",
                "01.2.3.4",
                "1.2.3.4 ",
                "1.2.3.4\n",
                "1.2.3.4/8",
            ],
        );
        table(
            Pattern::IpOrCidr,
            &["0.0.0.0/0", "10.0.0.2/32", "10.0.0.2"],
            &["10.0.0.2/33", "10.0.0.2/08", "/8"],
        );
        table(
            Pattern::Port,
            &["1", "80", "65535"],
            &["", "0", "080", "65536", "-1", "٣"],
        );
        table(
            Pattern::Mac,
            &[
                "02-00-00-00-00-00",
                "02:aB:00:00:00:00",
                "02 00 00 00 00 00",
                "020000000000",
                "0200.0000.0000",
            ],
            &["", "02-00:00-00-00-00", "02-00-00-00-00", "0200-0000-0000"],
        );
        table(
            Pattern::AppName,
            &["", "a", "zone-app_1"],
            &["-a", "a-", "a b", "é", "_"],
        );
        table(
            Pattern::AppPackageName,
            &["", "app.v1", "应用-1"],
            &[".a", "a.", "a b"],
        );
        table(
            Pattern::Name,
            &["", "Node1", "节点_1"],
            &["-a", "a-", "a.b", "a b"],
        );
        table(
            Pattern::City,
            &["广东省/深圳市/Clab实验室", "New York", "x"],
            &["/x", "x/", "a-b", " x"],
        );
        table(
            Pattern::Affinity,
            &["X86,GPU", "X86", "a_b-c"],
            &[",a", "a,", "a b"],
        );
        table(
            Pattern::AppStatus,
            &["", "Create failed", "a_b"],
            &["a-b", "a.b", "é"],
        );
    }
}
