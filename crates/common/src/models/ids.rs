//! A type per id. A value of one of these has been checked; nothing inward handles an id as a bare text.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::validate::Pattern;

/// A text that is not the id it should be. Says which kind was wanted, not what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct InvalidId(pub &'static str);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $pattern:expr, $show:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if !$pattern.matches(text) {
                    return Err(InvalidId($kind));
                }
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId($kind))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.$show().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

uuid_id!(
    /// The tenant a record belongs to: the `userId` of its owner's tokens. Lower-case UUID form.
    TenantId, "tenant id", Pattern::TenantId, hyphenated
);
uuid_id!(
    /// An application instance. Either case is taken, lower case is answered.
    AppInstanceId, "application instance id", Pattern::AppInstanceId, hyphenated
);
uuid_id!(
    /// An application rule task. The task of a descriptor's own rules has its instance's id.
    TaskId, "application rule task id", Pattern::AppInstanceId, hyphenated
);
uuid_id!(
    /// An operation: one create, instantiate, terminate or rule change of one instance.
    OperationId, "operation id", Pattern::AppInstanceId, hyphenated
);
uuid_id!(
    /// A batch: the operations that one batch call started.
    BatchId, "batch id", Pattern::AppInstanceId, hyphenated
);
uuid_id!(
    /// An onboarded package: 32 lower-case hexadecimal digits.
    PackageId, "package id", Pattern::PackageId, simple
);
uuid_id!(
    /// An application in the app store: 32 lower-case hexadecimal digits.
    AppId, "application id", Pattern::PackageId, simple
);

/// Makes a fresh id. Random (version 4), from the operating system's generator.
pub fn fresh<T: From<Fresh>>() -> T {
    T::from(Fresh(Uuid::new_v4()))
}

/// A fresh UUID on its way into an id type; see [`fresh`].
#[derive(Debug)]
pub struct Fresh(Uuid);

macro_rules! from_fresh {
    ($($name:ident),*) => { $(impl From<Fresh> for $name { fn from(fresh: Fresh) -> Self { Self(fresh.0) } })* };
}
from_fresh!(AppInstanceId, TaskId, OperationId, BatchId, PackageId, AppId);

/// The IPv4 address by which a host, a controller or a store is known. Dotted decimal, no leading zeros.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostIp(pub Ipv4Addr);

impl FromStr for HostIp {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if !Pattern::HostIp.matches(text) {
            return Err(InvalidId("host IP"));
        }
        text.parse().map(Self).map_err(|_| InvalidId("host IP"))
    }
}

impl fmt::Display for HostIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for HostIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for HostIp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HostIp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Stored as its text in both databases.
impl<DB: sqlx::Database> sqlx::Type<DB> for HostIp
where
    String: sqlx::Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <String as sqlx::Type<DB>>::type_info()
    }

    fn compatible(info: &DB::TypeInfo) -> bool {
        <String as sqlx::Type<DB>>::compatible(info)
    }
}

impl<'q, DB: sqlx::Database> sqlx::Encode<'q, DB> for HostIp
where
    String: sqlx::Encode<'q, DB>,
{
    fn encode_by_ref(
        &self,
        buffer: &mut <DB as sqlx::Database>::ArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        self.0.to_string().encode(buffer)
    }
}

impl<'r, DB: sqlx::Database> sqlx::Decode<'r, DB> for HostIp
where
    String: sqlx::Decode<'r, DB>,
{
    fn decode(value: <DB as sqlx::Database>::ValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        Ok(Self(String::decode(value)?.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_they_are_written() {
        let tenant = "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";
        assert_eq!(tenant.parse::<TenantId>().unwrap().to_string(), tenant);
        let package = "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90";
        assert_eq!(package.parse::<PackageId>().unwrap().to_string(), package);
        assert_eq!("10.0.0.2".parse::<HostIp>().unwrap().to_string(), "10.0.0.2");
    }

    #[test]
    fn case_matters_where_the_pattern_says_so() {
        let upper = "1A5A0A3C-6B6E-4B0F-8F4E-0C2B9D6F1E77";
        assert!(upper.parse::<TenantId>().is_err());
        assert_eq!(
            upper.parse::<AppInstanceId>().unwrap().to_string(),
            upper.to_lowercase()
        );
        assert!("4D8F28A2C9A64BB6B0EF2F3C7E1B5A90".parse::<PackageId>().is_err());
    }

    #[test]
    fn other_spellings_of_a_uuid_or_an_address_are_refused() {
        assert!(
            "{1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77}"
                .parse::<TenantId>()
                .is_err()
        );
        assert!(
            "1a5a0a3c6b6e4b0f8f4e0c2b9d6f1e77"
                .parse::<AppInstanceId>()
                .is_err()
        );
        assert!(
            "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77"
                .parse::<PackageId>()
                .is_err()
        );
        assert!("010.0.0.2".parse::<HostIp>().is_err());
        assert!("10.0.0.2\n".parse::<HostIp>().is_err());
    }
}
