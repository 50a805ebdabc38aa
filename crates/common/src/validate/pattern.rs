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

    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::TenantId,
        Self::AppInstanceId,
        Self::PackageId,
        Self::HostIp,
        Self::IpOrCidr,
        Self::Port,
        Self::Mac,
        Self::AppName,
        Self::AppPackageName,
        Self::Name,
        Self::City,
        Self::Affinity,
        Self::AppStatus,
    ];

    /// The pattern of that name, as models name one in the `format` of a schema.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|pattern| format!("{pattern:?}") == name)
    }

    /// The expression itself, for an OpenAPI document: anchored, in what ECMA 262 and Python's `re` both understand. Neither
    /// can say there what a letter of any script is; whatever is beyond ASCII stands for one, so that this takes all that
    /// [`Pattern::matches`] takes, and of ASCII texts nothing else.
    pub fn expression(self) -> String {
        let compiled = COMPILED[self as usize].as_str();
        let inner = compiled.trim_start_matches(r"\A").trim_end_matches(r"\z");
        format!("^{}$", portable(inner))
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

/// `expression` with every class that names `\p{L}` told by the ASCII characters that are not in it.
fn portable(expression: &str) -> String {
    let mut told = String::new();
    let mut rest = expression;
    while let Some((before, (class, after))) = rest
        .split_once(r"[0-9\p{L}")
        .and_then(|(before, rest)| Some((before, rest.split_once(']')?)))
    {
        let more: Vec<char> = class.chars().collect();
        told.push_str(before);
        told.push_str(&class_without(|c| {
            c.is_ascii_alphanumeric()
                || match c {
                    '\t' | '\n' | '\x0B' | '\x0C' | '\r' => class.contains(r"\t"),
                    '\\' => false,
                    _ => c.is_ascii_punctuation() && more.contains(&c) || c == ' ' && more.contains(&c),
                }
        }));
        rest = after;
    }
    told.push_str(rest);
    told
}

/// The class of all characters but the ASCII ones that are not `taken`.
fn class_without(taken: impl Fn(char) -> bool) -> String {
    let mut class = "[^".to_owned();
    let mut from = None;
    for code in 0..=0x80_u8 {
        let refused = code < 0x80 && !taken(char::from(code));
        match (from, refused) {
            (None, true) => from = Some(code),
            (Some(first), false) => {
                class.push_str(&format!(r"\x{first:02x}-\x{:02x}", code - 1));
                from = None;
            }
            _ => (),
        }
    }
    class.push(']');
    class
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

    #[test]
    fn the_documents_expression_takes_the_same_and_beyond_ascii_no_less() {
        for pattern in Pattern::ALL {
            assert_eq!(Pattern::named(&format!("{pattern:?}")), Some(pattern));
            let expression = pattern.expression();
            assert!(!expression.contains(r"\p"), "{expression}");
            let told = Regex::new(&expression).unwrap();
            let mut texts: Vec<String> = (0..0x80_u8)
                .flat_map(|c| [format!("{}", char::from(c)), format!("a{}a", char::from(c))])
                .collect();
            texts.extend(["", "10.0.0.2", "10.0.0.2/24", "80", "65536", "020000000000"].map(str::to_owned));
            for text in texts {
                assert_eq!(
                    told.is_match(&text),
                    pattern.matches(&text),
                    "{pattern:?} {text:?}"
                );
            }
            for text in ["节点", "é", "𠀀a", "a-节"] {
                assert!(
                    told.is_match(text) || !pattern.matches(text),
                    "{pattern:?} {text:?}"
                );
            }
        }
    }
}
