//! Faults as text: `OPERATION=KIND[@WHEN]`, for the command line and for the simulator's own `/faults`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Fault, Operation, When};

/// The longest text that a fault answers.
const LONGEST: usize = 4096;
/// No delay is longer.
const LONGEST_DELAY: u64 = 3_600_000;

/// One thing that goes wrong: where, what, how often. Reads and writes itself as text:
/// `instantiate=hang`, `kpi=delay:500@0.25`, `any=down@next:3`, `terminate=answer:503:try again@next:1`.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    /// At which calls.
    pub operation: Operation,
    /// What happens.
    pub fault: Fault,
    /// How often.
    pub when: When,
}

/// Why a text is no fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAFault(String);

impl fmt::Display for NotAFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAFault {}

const OPERATIONS: [(&str, Operation); 12] = [
    ("any", Operation::Any),
    ("instantiate", Operation::Instantiate),
    ("terminate", Operation::Terminate),
    ("query", Operation::Query),
    ("kpi", Operation::Kpi),
    ("capabilities", Operation::Capabilities),
    ("configuration", Operation::Configuration),
    ("package-status", Operation::PackageStatus),
    ("rules", Operation::Rules),
    ("rules-read", Operation::RulesRead),
    ("mep-auth", Operation::MepAuth),
    ("services", Operation::Services),
];

const KINDS: &str =
    "delay:MILLISECONDS, answer:STATUS[:TEXT], lose, answer-after:STATUS[:BODY], hang, nonsense, down";

impl FromStr for FaultRule {
    type Err = NotAFault;

    fn from_str(text: &str) -> Result<Self, NotAFault> {
        let text = text.trim();
        let (operation, rest) = text
            .split_once('=')
            .ok_or_else(|| NotAFault(format!("{text:?}: a fault is OPERATION=KIND[@WHEN]")))?;
        let (kind, when) = match rest.rsplit_once('@').map(|(kind, when)| (kind, when_of(when))) {
            Some((kind, Some(when))) => (kind, when),
            // The sign may belong to the text of an answer.
            _ => (rest, When::Always),
        };
        Ok(Self {
            operation: operation_of(operation)?,
            fault: fault_of(kind)?,
            when,
        })
    }
}

fn operation_of(text: &str) -> Result<Operation, NotAFault> {
    let found = OPERATIONS.iter().find(|(name, _)| *name == text);
    found.map(|(_, operation)| *operation).ok_or_else(|| {
        let names: Vec<&str> = OPERATIONS.iter().map(|(name, _)| *name).collect();
        NotAFault(format!(
            "{text:?} is no operation; there are {}",
            names.join(", ")
        ))
    })
}

fn when_of(text: &str) -> Option<When> {
    match text.strip_prefix("next:") {
        Some(calls) => calls.parse().ok().filter(|calls| *calls > 0).map(When::Next),
        None if text == "always" => Some(When::Always),
        None => text
            .parse()
            .ok()
            .filter(|rate| (0.0..=1.0).contains(rate))
            .map(When::Rate),
    }
}

fn fault_of(text: &str) -> Result<Fault, NotAFault> {
    let no = || {
        NotAFault(format!(
            "{text:?} is no fault; there are {KINDS}; then @RATE or @next:N"
        ))
    };
    let (kind, rest) = text
        .split_once(':')
        .map_or((text, None), |(kind, rest)| (kind, Some(rest)));
    let answer = || -> Option<(u16, String)> {
        let rest = rest?;
        let (status, text) = rest.split_once(':').unwrap_or((rest, ""));
        let status = status
            .parse()
            .ok()
            .filter(|status| (200..=599).contains(status))?;
        (text.len() <= LONGEST).then(|| (status, text.to_owned()))
    };
    match (kind, rest) {
        ("delay", Some(delay)) => delay
            .parse()
            .ok()
            .filter(|delay| *delay <= LONGEST_DELAY)
            .map(|delay| Fault::Delay(Duration::from_millis(delay)))
            .ok_or_else(no),
        ("answer", Some(_)) => answer()
            .map(|(status, text)| Fault::Answer { status, text })
            .ok_or_else(no),
        ("answer-after", Some(_)) => answer()
            .map(|(status, body)| Fault::AnswerAfter { status, body })
            .ok_or_else(no),
        ("lose", None) => Ok(Fault::LoseAnswer),
        ("hang", None) => Ok(Fault::Hang),
        ("nonsense", None) => Ok(Fault::Nonsense),
        ("down", None) => Ok(Fault::Down),
        _ => Err(no()),
    }
}

impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = OPERATIONS
            .iter()
            .find(|(_, operation)| *operation == self.operation)
            .map_or("?", |(name, _)| *name);
        write!(f, "{name}=")?;
        match &self.fault {
            Fault::Delay(by) => write!(f, "delay:{}", by.as_millis()),
            Fault::Answer { status, text } => write!(f, "answer:{status}:{text}"),
            Fault::LoseAnswer => f.write_str("lose"),
            Fault::AnswerAfter { status, body } => write!(f, "answer-after:{status}:{body}"),
            Fault::Hang => f.write_str("hang"),
            Fault::Nonsense => f.write_str("nonsense"),
            Fault::Down => f.write_str("down"),
        }?;
        match self.when {
            When::Always => f.write_str("@always"),
            When::Rate(rate) => write!(f, "@{rate}"),
            When::Next(calls) => write!(f, "@next:{calls}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<FaultRule, NotAFault> {
        text.parse()
    }

    #[test]
    fn every_fault_can_be_written_and_read_again() {
        for text in [
            "any=down@always",
            "instantiate=hang@0.25",
            "terminate=lose@next:3",
            "query=nonsense@always",
            "kpi=delay:500@0.5",
            "capabilities=answer:500:invalid cpu query@next:1",
            "rules=answer-after:502:<html>Bad Gateway</html>@always",
            "rules-read=answer:503:who@example.org@always",
        ] {
            assert_eq!(parsed(text).unwrap().to_string(), text);
        }
        for (name, operation) in OPERATIONS {
            assert_eq!(parsed(&format!("{name}=lose")).unwrap().operation, operation);
        }
    }

    #[test]
    fn without_a_when_it_happens_always_and_a_sign_in_a_text_stays_there() {
        let rule = parsed("kpi=answer:500:ask admin@edge").unwrap();
        assert_eq!(rule.when, When::Always);
        let text = "ask admin@edge".to_owned();
        assert_eq!(rule.fault, Fault::Answer { status: 500, text });
    }

    #[test]
    fn what_is_no_fault_says_what_there_is() {
        for (text, says) in [
            ("hang", "OPERATION=KIND"),
            ("deploy=hang", "there are any, instantiate"),
            ("query=explode", "there are delay"),
            ("query=hang@often", "there are delay"),
            ("query=hang@1.5", "there are delay"),
            ("query=hang@next:0", "there are delay"),
            ("query=delay:soon", "there are delay"),
            ("query=answer:99", "there are delay"),
        ] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
