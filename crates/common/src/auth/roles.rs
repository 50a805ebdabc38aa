//! Roles, and who may do what where.

use std::fmt;

use http::Method;

use super::error::AuthError;
use crate::models::ids::TenantId;

/// A role of this platform. Roles of EdgeGallery's other platforms (`ROLE_APPSTORE_…`) mean nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// May do all in its tenant.
    Tenant,
    /// May read in its tenant.
    Guest,
    /// As TENANT; in every tenant only when that is switched on (EdgeGallery's platform administrator carries this role
    /// and had no rights in v1.0).
    Admin,
    /// What the suite's own services call each other as. From AK/SK only.
    Service,
}

impl Role {
    const ALL: [Self; 4] = [Self::Tenant, Self::Guest, Self::Admin, Self::Service];

    /// The name in tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "ROLE_MECM_TENANT",
            Self::Guest => "ROLE_MECM_GUEST",
            Self::Admin => "ROLE_MECM_ADMIN",
            Self::Service => "ROLE_MECM_SERVICE",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of roles.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// The roles that a token names. SERVICE is not taken from a token: only the services' own keys carry it.
    pub fn of_token<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names
            .into_iter()
            .filter_map(Role::from_name)
            .filter(|role| *role != Role::Service)
            .collect()
    }

    /// Whether the role is among them.
    pub const fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// The roles, one by one.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }

    /// Whether they allow a request of this method: TENANT, ADMIN and SERVICE all, GUEST reading alone.
    pub fn allow(self, method: &Method) -> bool {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        [Role::Tenant, Role::Admin, Role::Service]
            .into_iter()
            .any(|role| self.has(role))
            || (reads && self.has(Role::Guest))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |bits, role| bits | role.bit()))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Role::as_str)).finish()
    }
}

/// Decides whether a caller may make a request in the tenant that its path names, and gives that tenant.
///
/// `own` is the caller's tenant as its token or key has it, `None` for a service. The order of the refusals is the
/// interface's: 401, then 403, then 400.
///
/// # Errors
/// [`AuthError::IllegalTenant`], [`AuthError::Forbidden`], [`AuthError::MalformedTenant`].
pub fn decide(
    own: Option<&str>,
    roles: Roles,
    method: &Method,
    path_tenant: &str,
    admin_everywhere: bool,
) -> Result<TenantId, AuthError> {
    let everywhere = roles.has(Role::Service) || (admin_everywhere && roles.has(Role::Admin));
    if own != Some(path_tenant) && !everywhere {
        return Err(AuthError::IllegalTenant);
    }
    if !roles.allow(method) {
        return Err(AuthError::Forbidden);
    }
    path_tenant.parse().map_err(|_| AuthError::MalformedTenant)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: &str = "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";
    const OTHERS: &str = "39937079-99fe-4cd8-881f-04ca8c4fe09d";

    /// What `decide` says: `ok`, or the status.
    fn said(roles: &[Role], own: Option<&str>, method: Method, path: &str, everywhere: bool) -> u16 {
        let roles = roles.iter().copied().collect();
        match decide(own, roles, &method, path, everywhere) {
            Ok(tenant) => {
                assert_eq!(tenant.to_string(), path);
                200
            }
            Err(error) => error.status().as_u16(),
        }
    }

    #[test]
    fn each_role_may_do_what_the_interface_says() {
        use Role::{Admin, Guest, Service, Tenant};
        for (role, own, read, write) in [
            (&[Tenant][..], Some(MINE), 200, 200),
            (&[Guest], Some(MINE), 200, 403),
            (&[Admin], Some(MINE), 200, 200),
            (&[Guest, Tenant], Some(MINE), 200, 200),
            (&[], Some(MINE), 403, 403),
            (&[Service], None, 200, 200),
            (&[Tenant], Some(OTHERS), 401, 401),
            (&[Guest], Some(OTHERS), 401, 401),
            (&[Admin], Some(OTHERS), 401, 401),
            (&[], Some(OTHERS), 401, 401),
        ] {
            for method in [Method::GET, Method::HEAD] {
                assert_eq!(said(role, own, method, MINE, false), read, "{role:?} {own:?}");
            }
            for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                assert_eq!(said(role, own, method, MINE, false), write, "{role:?} {own:?}");
            }
        }
    }

    #[test]
    fn an_administrator_reaches_other_tenants_only_when_that_is_switched_on() {
        assert_eq!(said(&[Role::Admin], Some(OTHERS), Method::PUT, MINE, false), 401);
        assert_eq!(said(&[Role::Admin], Some(OTHERS), Method::PUT, MINE, true), 200);
        assert_eq!(said(&[Role::Tenant], Some(OTHERS), Method::PUT, MINE, true), 401);
    }

    #[test]
    fn a_tenant_that_is_none_is_a_400_only_for_who_may_be_there() {
        for path in ["null", "", "1A5A0A3C-6B6E-4B0F-8F4E-0C2B9D6F1E77"] {
            assert_eq!(
                said(&[Role::Tenant], Some(MINE), Method::GET, path, false),
                401,
                "{path}"
            );
            assert_eq!(
                said(&[Role::Service], None, Method::GET, path, false),
                400,
                "{path}"
            );
            assert_eq!(
                said(&[Role::Admin], Some(MINE), Method::GET, path, true),
                400,
                "{path}"
            );
        }
        assert_eq!(
            said(&[Role::Tenant], Some("null"), Method::GET, "null", false),
            400
        );
        assert_eq!(
            said(&[Role::Guest], Some("null"), Method::PUT, "null", false),
            403
        );
    }

    #[test]
    fn a_token_cannot_make_a_service() {
        let names = [
            "ROLE_MECM_SERVICE",
            "ROLE_MECM_GUEST",
            "ROLE_APPSTORE_TENANT",
            "role_mecm_tenant",
        ];
        let roles = Roles::of_token(names);
        assert_eq!(roles.iter().collect::<Vec<_>>(), [Role::Guest]);
        assert_eq!(format!("{roles:?}"), r#"{"ROLE_MECM_GUEST"}"#);
    }
}
