//! Where a connection may go, when its address comes from a record or a body: those are somebody's input, and the answer may
//! come back to that somebody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The rule of allowed addresses. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Egress {
    allow: Arc<[IpNet]>,
    /// Whether it judges what a body names.
    outside: bool,
}

/// An address that no connection may go to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address not allowed: {0}")]
pub struct NotAllowed(pub String);

impl Egress {
    /// The rule of configuration: these networks and nothing else. None given: everything but loopback, link-local,
    /// multicast, broadcast and unspecified addresses.
    pub fn new(allow: &[IpNet]) -> Self {
        Self {
            allow: allow.into(),
            outside: false,
        }
    }

    /// The same for addresses that a body names: link-local ones and those where clouds tell a machine its secrets are never
    /// allowed, whatever the list says.
    pub fn outside(&self) -> Self {
        Self {
            outside: true,
            ..self.clone()
        }
    }

    /// Whether a connection may go to this address. An IPv4 address in IPv6 clothes is judged as what it is.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = plain(address);
        if self.outside && tells_secrets(address) {
            return false;
        }
        if !self.allow.is_empty() {
            return self.allow.iter().any(|network| network.contains(&address));
        }
        match address {
            IpAddr::V4(v4) => {
                !(v4.is_loopback()
                    || v4.is_link_local()
                    || v4.is_multicast()
                    || v4.is_broadcast()
                    || v4.octets()[0] == 0)
            }
            IpAddr::V6(v6) => {
                !(v6.is_loopback() || v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified())
            }
        }
    }

    /// Judges the host of an address: a literal here and now; a name when it is resolved ([`Egress::resolver`]).
    ///
    /// # Errors
    /// [`NotAllowed`] with the host.
    pub fn check(&self, host: &str) -> Result<(), NotAllowed> {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        match literal.parse() {
            Ok(address) if !self.permits(address) => Err(NotAllowed(host.to_owned())),
            _ => Ok(()),
        }
    }

    /// A resolver that gives only allowed addresses, so that the address that was checked is the one connected to.
    pub fn resolver(&self) -> Arc<AllowedOnly> {
        Arc::new(AllowedOnly(self.clone()))
    }
}

/// Link-local addresses, and others at which clouds answer a machine about itself.
fn tells_secrets(address: IpAddr) -> bool {
    /// Of Alibaba, Oracle and Azure; Amazon's, Google's and the others' are link-local.
    const V4: [Ipv4Addr; 3] = [
        Ipv4Addr::new(100, 100, 100, 200),
        Ipv4Addr::new(192, 0, 0, 192),
        Ipv4Addr::new(168, 63, 129, 16),
    ];
    /// Of Amazon.
    const V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || V4.contains(&v4),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6 == V6,
    }
}

/// What stands in an IPv6 address that carries an IPv4 one (mapped, RFC 4291; NAT64, RFC 6052), else the address.
fn plain(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6)
            if v6.octets()[..12] == Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0).octets()[..12] =>
        {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        other => other,
    }
}

/// The system's resolver, less what is not allowed.
#[derive(Debug)]
pub struct AllowedOnly(Egress);

impl Resolve for AllowedOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.0.clone();
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| egress.permits(address.ip()))
                .collect();
            if allowed.is_empty() {
                // As it is, not in a box of its own: whoever looks for it finds it.
                return Err(NotAllowed(host).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_list_everything_is_allowed_but_what_leads_back_to_ourselves() {
        let egress = Egress::default();
        for (address, allowed) in [
            ("10.0.0.1", true),
            ("192.0.2.7", true),
            ("127.0.0.1", false),
            ("127.8.9.1", false),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("169.254.169.254", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("fd00::1", true),
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", true),
            ("64:ff9b::7f00:1", false),
        ] {
            assert_eq!(egress.permits(address.parse().unwrap()), allowed, "{address}");
        }
    }

    #[test]
    fn what_a_body_names_is_never_where_a_machine_is_told_its_secrets() {
        let all = Egress::new(&["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()]);
        for secret in [
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "fe80::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
        ] {
            let address = secret.parse().unwrap();
            assert!(
                all.permits(address) && !all.outside().permits(address),
                "{secret}"
            );
        }
        assert!(all.outside().permits("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn with_a_list_nothing_else_is_allowed() {
        let egress = Egress::new(&["127.0.0.0/8".parse().unwrap()]);
        assert!(egress.permits("127.3.2.1".parse().unwrap()));
        assert!(egress.permits("::ffff:127.3.2.1".parse().unwrap()));
        assert!(!egress.permits("10.0.0.1".parse().unwrap()));
        let refused = egress.check("[::1]").unwrap_err();
        assert_eq!(refused.to_string(), "address not allowed: [::1]");
        assert!(egress.check("127.0.0.9").is_ok());
    }

    #[tokio::test]
    async fn a_name_gives_only_allowed_addresses() {
        let name = || "localhost".parse().unwrap();
        let open = Egress::new(&["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        assert!(open.resolver().resolve(name()).await.unwrap().count() > 0);
        let closed = Egress::default().resolver().resolve(name()).await;
        assert_eq!(
            closed.err().unwrap().to_string(),
            "address not allowed: localhost"
        );
    }
}
