//! Where a source on the web may lie: at public addresses, and in networks that the operator names.

use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Not public, by the registries of special-purpose addresses (RFC 6890, as IANA keeps them) and of multicast.
static SPECIAL: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    let networks = [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    ];
    networks.map(|network| network.parse().expect("a network")).to_vec()
});

/// All that is public of IPv6 (RFC 4291, section 2.4) lies here: no loopback, no local address, none that stands for one of IPv4.
static GLOBAL_UNICAST: LazyLock<IpNet> = LazyLock::new(|| "2000::/3".parse().expect("a network"));

/// Addresses that may be connected to.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    named: Vec<IpNet>,
}

impl Addresses {
    /// Public ones and those in the named networks.
    pub(super) fn of(networks: &[String]) -> Result<Self, String> {
        let parse = |text: &String| {
            // A single address is a network, too.
            let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| format!("--allow-source-network: `{text}` is no network such as 10.1.0.0/16."))
        };
        networks.iter().map(parse).collect::<Result<_, _>>().map(|named| Self { named })
    }

    pub(super) fn permit(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_in = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        let is_public = !is_in(&SPECIAL) && (address.is_ipv4() || GLOBAL_UNICAST.contains(&address));
        is_public || is_in(&self.named)
    }
}

/// What a name leads to, as the system says.
pub(super) fn look_up(name: Name) -> Resolving {
    Box::pin(async move {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
        Ok(Box::new(found.into_iter()) as Addrs)
    })
}

/// What a name leads to is checked where the connection takes its address from: between the check and the connection nobody is asked
/// again, so that a name that changes its mind (DNS rebinding) gains nothing.
pub(super) struct Checked<L> {
    /// What may be connected to.
    pub(super) addresses: Addresses,
    /// Who is asked what a name leads to: [`look_up`], or a test.
    pub(super) lookup: L,
}

impl<L: Fn(Name) -> Resolving + Send + Sync> Resolve for Checked<L> {
    fn resolve(&self, name: Name) -> Resolving {
        let (addresses, answer) = (self.addresses.clone(), (self.lookup)(name));
        Box::pin(async move {
            let found: Vec<SocketAddr> = answer.await?.collect();
            // One that is not allowed discredits the others.
            if found.iter().all(|found| addresses.permit(found.ip())) {
                Ok(Box::new(found.into_iter()) as Addrs)
            } else {
                Err("it leads to an address that is not public".into())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    fn permitted(networks: &[&str], address: &str) -> bool {
        let networks: Vec<String> = networks.iter().map(|&network| network.into()).collect();
        Addresses::of(&networks).expect("networks").permit(address.parse().expect("an address"))
    }

    #[test]
    fn public_addresses_are_permitted_and_others_are_not() {
        for public in ["93.184.216.34", "8.8.8.8", "172.32.0.1", "2606:2800:220:1::1", "2a00:1450::1"] {
            assert!(permitted(&[], public), "{public}");
        }
        for other in [
            "127.0.0.1",
            "0.0.0.0",
            "10.3.2.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.100.100.200",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::1",
            "2001:0:7f00:1::",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
        ] {
            assert!(!permitted(&[], other), "{other}");
        }
    }

    #[test]
    fn a_named_network_is_permitted_and_no_other() {
        assert!(permitted(&["10.1.0.0/16", "::1"], "10.1.2.3") && permitted(&["10.1.0.0/16", "::1"], "::1"));
        assert!(permitted(&["10.1.0.0/16"], "::ffff:10.1.2.3"), "the same address");
        assert!(!permitted(&["10.1.0.0/16"], "10.2.0.1"));
        assert!(Addresses::of(&["10.1".into()]).is_err_and(|error| error.contains("`10.1`")));
    }

    #[tokio::test]
    async fn names_that_lead_home_are_not_resolved() {
        let resolve = async |networks: &[String]| {
            let checked = Checked { addresses: Addresses::of(networks).expect("networks"), lookup: look_up };
            checked.resolve("localhost".parse().expect("a name")).await.map(Iterator::count)
        };
        assert!(resolve(&[]).await.is_err());
        assert!(resolve(&["127.0.0.0/8".into(), "::1".into()]).await.is_ok_and(|found| found > 0));
    }

    #[tokio::test]
    async fn one_address_that_is_not_allowed_discredits_the_others() {
        let resolve = async |answer: &[&str]| {
            let parse = |address: &&str| SocketAddr::new(address.parse().expect("an address"), 0);
            let answer: Vec<SocketAddr> = answer.iter().map(parse).collect();
            let lookup = |_: Name| -> Resolving { Box::pin(ready(Ok(Box::new(answer.clone().into_iter()) as Addrs))) };
            let checked = Checked { addresses: Addresses::of(&["10.1.0.0/16".into()]).expect("a network"), lookup };
            let found = checked.resolve("photos.example".parse().expect("a name")).await;
            found.map(|found| found.map(|address| address.ip().to_string()).collect::<Vec<_>>())
        };
        for sound in [&["93.184.216.34"][..], &["93.184.216.34", "2606:2800:220:1::1", "10.1.2.3"]] {
            assert!(resolve(sound).await.is_ok_and(|found| found == sound), "{sound:?}");
        }
        for mixed in [
            &["93.184.216.34", "169.254.169.254"][..],
            &["169.254.169.254", "93.184.216.34"],
            &["2606:2800:220:1::1", "93.184.216.34", "::1"],
            &["10.1.2.3", "10.2.0.1"],
        ] {
            assert!(resolve(mixed).await.is_err(), "{mixed:?}");
        }
    }
}
