//! What each member of each request body must keep to, as a table: the OpenAPI documents tell it, and a test breaks every row
//! of it through the bodies' own validation, so that the two cannot differ.

use super::app_rule::constraints as rule;
use super::{app_instance, app_store, application, credential, host, lcm_controller, package, rule_manager};
use crate::validate::{BATCH, Pattern, TextField};

/// What a member must keep to.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// A text; a number or a boolean is taken as its text. Without `empty` it may be null or empty too.
    Text(TextField),
    /// A list of texts; null is an empty list.
    Texts {
        /// At least so many.
        least: usize,
        /// At most so many.
        most: usize,
        /// What each must look like.
        each: Option<Pattern>,
        /// The longest each may be, in characters.
        longest: Option<usize>,
    },
    /// A list of objects of the schema of that name; null is an empty list.
    List {
        /// The schema of its items.
        of: &'static str,
        /// At least so many.
        least: usize,
        /// At most so many, where there is a limit to it.
        most: Option<usize>,
        /// Whether one object may stand for a list of one.
        one: bool,
    },
    /// An object of the schema of that name, or null.
    Object(&'static str),
    /// One of these texts; it must be there.
    Choice(&'static [&'static str]),
    /// A list of these texts; null is an empty list.
    Choices(&'static [&'static str]),
    /// A time as answers have it, or with a zone (RFC 3339); null and the empty text are none.
    Time,
    /// A whole number, or the text of one, in this range; null and the empty text are none.
    Range(i64, i64),
    /// A whole number, or the text of one; null and the empty text are none.
    Integer,
    /// A boolean, or `true` or `false` as a text in any case; null and the empty text are none.
    Boolean,
}

/// A member: its name, what it must keep to, and an example as JSON; of lists and objects of others the examples of those.
pub type Member = (&'static str, Rule, &'static str);

const fn texts(most: usize, each: Option<Pattern>) -> Rule {
    Rule::Texts {
        least: 0,
        most,
        each,
        longest: None,
    }
}

const fn list(of: &'static str, most: usize) -> Rule {
    Rule::List {
        of,
        least: 0,
        most: Some(most),
        one: false,
    }
}

use Rule::{Boolean, Integer, Object, Text};

/// All bodies, by the name of their schema.
pub const BODIES: &[(&str, &[Member])] = &[
    (
        "Host",
        &[
            ("mechostIp", Text(host::IP), r#""10.0.0.2""#),
            ("mechostName", Text(host::NAME), r#""Node1""#),
            ("zipCode", Text(host::ZIP_CODE), r#""518000""#),
            ("city", Text(host::CITY), r#""广东省/深圳市""#),
            ("address", Text(host::ADDRESS), r#""East gate, 3rd floor""#),
            ("affinity", Text(host::AFFINITY), r#""X86,GPU""#),
            ("userName", Text(host::USER_NAME), r#""operator""#),
            ("edgerepoName", Text(host::REPOSITORY_NAME), r#""repo""#),
            ("edgerepoIp", Text(host::REPOSITORY_IP), r#""10.0.0.2""#),
            ("edgerepoPort", Text(host::REPOSITORY_PORT), r#""443""#),
            ("edgerepoUsername", Text(host::REPOSITORY_USER_NAME), r#""edge""#),
            ("applcmIp", Text(lcm_controller::IP), r#""10.0.0.1""#),
            ("appRuleIp", Text(host::RULE_MANAGER_IP), r#""10.0.0.1""#),
            (
                "coordinates",
                Text(host::COORDINATES),
                r#""114.059448,22.653555""#,
            ),
            (
                "hwcapabilities",
                list("HardwareCapability", host::MAX_HARDWARE),
                "",
            ),
        ],
    ),
    (
        "HardwareCapability",
        &[
            ("hwType", Text(host::TYPE), r#""GPU""#),
            ("hwVendor", Text(host::VENDOR), r#""nvidia""#),
            ("hwModel", Text(host::MODEL), r#""V100""#),
        ],
    ),
    (
        "SoftwareCapabilities",
        &[(
            "swcapabilities",
            list("SoftwareCapability", host::MAX_SOFTWARE),
            "",
        )],
    ),
    (
        "SoftwareCapability",
        &[
            (
                "capabilityId",
                Text(host::SOFTWARE),
                r#""16384563dca094183778a41ea7701d15""#,
            ),
            ("capabilityName", Text(host::SOFTWARE), r#""Face Recognition""#),
            ("version", Text(host::SOFTWARE), r#""v1""#),
            ("status", Text(host::SOFTWARE), r#""ACTIVE""#),
        ],
    ),
    (
        "LcmController",
        &[
            ("applcmName", Text(lcm_controller::NAME), r#""lcm""#),
            ("applcmIp", Text(lcm_controller::IP), r#""10.0.0.1""#),
            ("applcmPort", Text(lcm_controller::PORT), r#""30204""#),
            ("userName", Text(lcm_controller::USER_NAME), r#""operator""#),
        ],
    ),
    (
        "RuleManager",
        &[
            ("appRuleName", Text(rule_manager::NAME), r#""rules""#),
            ("appRuleIp", Text(rule_manager::IP), r#""10.0.0.1""#),
            ("appRulePort", Text(rule_manager::PORT), r#""30206""#),
            ("userName", Text(rule_manager::USER_NAME), r#""operator""#),
        ],
    ),
    (
        "AppStore",
        &[
            ("appstoreIp", Text(app_store::IP), r#""10.0.0.9""#),
            ("appstorePort", Text(app_store::PORT), r#""30099""#),
            ("uri", Text(app_store::URI), r#""https://10.0.0.9:30099""#),
            ("userName", Text(app_store::USER_NAME), r#""operator""#),
            ("appstoreName", Text(app_store::NAME), r#""store""#),
            ("producer", Text(app_store::PRODUCER), r#""EdgeGallery""#),
        ],
    ),
    (
        "Application",
        &[
            (
                "appInstanceId",
                Text(application::INSTANCE_ID),
                r#""7d0e2f7c-8b1b-4d0c-9a53-9d3f5c1f2a10""#,
            ),
            ("appName", Text(application::NAME), r#""zoneapp""#),
            (
                "packageId",
                Text(application::PACKAGE_ID),
                r#""4d8f28a2c9a64bb6b0ef2f3c7e1b5a90""#,
            ),
            (
                "capabilities",
                texts(application::MAX_CAPABILITIES, None),
                r#"["GPU"]"#,
            ),
            ("status", Text(application::STATUS), r#""Instantiated""#),
        ],
    ),
    (
        "AppRuleConfig",
        &[
            ("appTrafficRule", list("TrafficRule", rule::TRAFFIC_RULES), ""),
            ("appDNSRule", list("DnsRule", rule::DNS_RULES), ""),
            ("appName", Text(rule::APP_NAME), r#""zoneapp""#),
            ("appSupportMp1", Boolean, "true"),
        ],
    ),
    (
        "TrafficRule",
        &[
            ("trafficRuleId", Text(rule::TRAFFIC_RULE_ID), r#""TR1""#),
            ("filterType", Text(rule::FILTER_TYPE), r#""FLOW""#),
            ("priority", Integer, "1"),
            ("action", Text(rule::ACTION), r#""DROP""#),
            ("trafficFilter", list("TrafficFilter", 16), ""),
            (
                "dstInterface",
                Rule::List {
                    of: "DstInterface",
                    least: 0,
                    most: Some(2),
                    one: true,
                },
                "",
            ),
        ],
    ),
    (
        "TrafficFilter",
        &[
            (
                "srcAddress",
                texts(16, Some(Pattern::IpOrCidr)),
                r#"["192.168.1.1/32"]"#,
            ),
            (
                "dstAddress",
                texts(16, Some(Pattern::IpOrCidr)),
                r#"["192.168.1.2/32"]"#,
            ),
            ("srcPort", texts(16, Some(Pattern::Port)), r#"["8080"]"#),
            ("dstPort", texts(16, Some(Pattern::Port)), r#"["8080"]"#),
            ("protocol", texts(64, None), r#"["TCP"]"#),
            ("tag", texts(16, None), r#"["video"]"#),
            (
                "srcTunnelAddress",
                texts(16, Some(Pattern::IpOrCidr)),
                r#"["10.0.0.0/8"]"#,
            ),
            (
                "dstTunnelAddress",
                texts(16, Some(Pattern::IpOrCidr)),
                r#"["10.0.0.0/8"]"#,
            ),
            ("srcTunnelPort", texts(16, Some(Pattern::Port)), r#"["2152"]"#),
            ("dstTunnelPort", texts(16, Some(Pattern::Port)), r#"["2152"]"#),
            ("qCI", Integer, "1"),
            ("qci", Integer, "1"),
            ("dSCP", Integer, "0"),
            ("dscp", Integer, "0"),
            ("tC", Integer, "1"),
            ("tc", Integer, "1"),
        ],
    ),
    (
        "DstInterface",
        &[
            ("interfaceType", Text(rule::INTERFACE_TYPE), r#""IP""#),
            ("tunnelInfo", Object("TunnelInfo"), ""),
            ("srcMacAddress", Text(rule::SRC_MAC), r#""02-00-00-00-00-01""#),
            ("dstMacAddress", Text(rule::DST_MAC), r#""02-00-00-00-00-02""#),
            ("dstIpAddress", Text(rule::DST_IP), r#""192.0.2.10""#),
        ],
    ),
    (
        "TunnelInfo",
        &[
            ("tunnelType", Text(rule::TUNNEL_TYPE), r#""GTP-U""#),
            ("tunnelDstAddress", Text(rule::TUNNEL_DST), r#""192.0.2.10/32""#),
            ("tunnelSrcAddress", Text(rule::TUNNEL_SRC), r#""192.0.2.11/32""#),
            ("tunnelSpecificData", Text(rule::TUNNEL_DATA), r#""TEID 1""#),
        ],
    ),
    (
        "DnsRule",
        &[
            ("dnsRuleId", Text(rule::DNS_RULE_ID), r#""DNS1""#),
            ("domainName", Text(rule::DOMAIN_NAME), r#""www.example.com""#),
            ("ipAddressType", Text(rule::IP_ADDRESS_TYPE), r#""IP_V4""#),
            ("ipAddress", Text(rule::IP_ADDRESS), r#""192.0.2.10""#),
            ("ttl", Integer, "85000"),
        ],
    ),
    (
        "AppRuleDelete",
        &[
            (
                "appTrafficRule",
                Rule::Texts {
                    least: 0,
                    most: rule::TRAFFIC_RULES,
                    each: None,
                    longest: Some(128),
                },
                r#"["TR1"]"#,
            ),
            ("appDNSRule", texts(rule::DNS_RULES, None), r#"["DNS1"]"#),
        ],
    ),
    (
        "CreateCommon",
        &[
            (
                "appPackageId",
                Text(app_instance::PACKAGE_ID),
                r#""4d8f28a2c9a64bb6b0ef2f3c7e1b5a90""#,
            ),
            ("appName", Text(app_instance::APP_NAME), r#""zoneapp""#),
            (
                "appId",
                Text(app_instance::APP_ID),
                r#""9f1d13fe8cf247bcbe0e95d4b1a0ad19""#,
            ),
            (
                "appInstanceDescription",
                Text(app_instance::DESCRIPTION),
                r#""face recognition at the east gate""#,
            ),
            (
                "hwCapabilities",
                texts(app_instance::CAPABILITIES, None),
                r#"["GPU"]"#,
            ),
            (
                "swCapabilities",
                texts(app_instance::CAPABILITIES, None),
                r#"["Face Recognition"]"#,
            ),
        ],
    ),
    (
        "NewCredential",
        &[
            ("name", Text(credential::NAME), r#""atp""#),
            (
                "roles",
                Rule::Choices(&credential::ROLES),
                r#"["ROLE_MECM_TENANT"]"#,
            ),
            ("expiresTime", Rule::Time, r#""2027-01-01T00:00:00""#),
            (
                "allowedSources",
                texts(credential::MOST_SOURCES, None),
                r#"["192.0.2.0/24"]"#,
            ),
        ],
    ),
    (
        "CredentialStatus",
        &[(
            "status",
            Rule::Choice(&[credential::ACTIVE, credential::DISABLED]),
            r#""DISABLED""#,
        )],
    ),
    (
        "Rotation",
        &[("graceSeconds", Rule::Range(0, credential::LONGEST_GRACE), "86400")],
    ),
    (
        "Create",
        &[("mecHost", Text(app_instance::HOST), r#""10.0.0.2""#)],
    ),
    (
        "BatchCreate",
        &[(
            "mecHost",
            Rule::Texts {
                least: 1,
                most: BATCH,
                each: Some(Pattern::HostIp),
                longest: None,
            },
            r#"["10.0.0.2","10.0.0.3"]"#,
        )],
    ),
    (
        "BatchIds",
        &[(
            "appInstanceIds",
            Rule::Texts {
                least: 1,
                most: BATCH,
                each: Some(Pattern::AppInstanceId),
                longest: None,
            },
            r#"["7d0e2f7c-8b1b-4d0c-9a53-9d3f5c1f2a10"]"#,
        )],
    ),
    (
        "OnboardRequest",
        &[
            (
                "appPkgId",
                Text(package::PACKAGE_ID),
                r#""4d8f28a2c9a64bb6b0ef2f3c7e1b5a90""#,
            ),
            ("appPkgName", Text(package::NAME), r#""zone-swr-test1""#),
            ("appPkgVersion", Text(package::VERSION), r#""1.0""#),
            (
                "appPkgPath",
                Text(TextField {
                    empty: Some(package::NULL_PATH),
                    ..package::PATH
                }),
                r#""https://appstore-be-svc:8099/mec/appstore/v1/apps/a/packages/p/action/download""#,
            ),
            ("appProvider", Text(package::PROVIDER), r#""Huawei""#),
            ("appPkgDesc", Text(package::DESCRIPTION), r#""for testing""#),
            ("appPkgAffinity", Text(package::AFFINITY), r#""X86""#),
            (
                "appIconUrl",
                Text(package::ICON),
                r#""https://appstore-be-svc:8099/mec/appstore/v1/apps/a/icon""#,
            ),
            (
                "createdTime",
                Text(package::CREATED),
                r#""Mon Nov 23 2026 07:12:03 GMT+0000 (Coordinated Universal Time)""#,
            ),
            (
                "modifiedTime",
                Text(package::MODIFIED),
                r#""Mon Nov 23 2026 07:12:03 GMT+0000 (Coordinated Universal Time)""#,
            ),
            (
                "appId",
                Text(package::APP_ID),
                r#""9f1d13fe8cf247bcbe0e95d4b1a0ad19""#,
            ),
            (
                "mecHostInfo",
                Rule::List {
                    of: "OnboardHost",
                    least: 1,
                    most: None,
                    one: false,
                },
                "",
            ),
        ],
    ),
    (
        "OnboardHost",
        &[
            ("hostIp", Text(package::HOST_IP), r#""10.0.0.2""#),
            ("status", Text(package::STATUS), r#""""#),
            ("error", Text(package::ERROR), r#""""#),
        ],
    ),
];

#[cfg(test)]
mod tests;
