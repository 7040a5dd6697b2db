use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads, as far as it matters to whom it may be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Zone {
    /// The internet.
    Public,
    /// The deployment's own network, where VPC endpoints are.
    Private,
    /// This machine.
    Loopback,
    /// Never: link-local, where the instance's metadata and credentials are handed out, and what is
    /// no unicast address of a machine, or hides another address inside.
    Never,
}

pub(super) fn zone(address: IpAddr) -> Zone {
    match address {
        IpAddr::V4(v4) => zone_v4(v4),
        // The same machine by another spelling.
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| zone_v6(v6), zone_v4),
    }
}

/// RFC 6890 and its registry.
fn zone_v4(address: Ipv4Addr) -> Zone {
    match address.octets() {
        [127, ..] => Zone::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Zone::Private,
        [0, ..] | [169, 254, ..] | [192, 0, 0 | 2, _] | [198, 18 | 19, ..] => Zone::Never,
        [198, 51, 100, _] | [203, 0, 113, _] | [224..=255, ..] => Zone::Never,
        _ => Zone::Public,
    }
}

fn zone_v6(address: Ipv6Addr) -> Zone {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Zone::Loopback,
        // AWS's metadata, time and name services, inside the range of private addresses.
        [0xfd00, 0x0ec2, ..] => Zone::Never,
        [0xfc00..=0xfdff, ..] => Zone::Private,
        // Teredo and 6to4 carry an IPv4 address inside; 2001:db8 is for documentation.
        [0x2001, 0 | 0x0db8, ..] | [0x2002, ..] => Zone::Never,
        [0x2000..=0x3fff, ..] => Zone::Public,
        _ => Zone::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_service_is_never_reachable_in_any_spelling() {
        for spelling in [
            "169.254.169.254",
            "169.254.170.2",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fd00:ec2::254",
            "fe80::1",
        ] {
            assert_eq!(zone(spelling.parse().unwrap()), Zone::Never, "{spelling}");
        }
    }

    #[test]
    fn other_addresses_are_in_the_zones_that_their_registries_say() {
        for (address, expected) in [
            ("3.120.0.1", Zone::Public),
            ("2a05:d014::1", Zone::Public),
            ("10.0.0.7", Zone::Private),
            ("172.31.255.1", Zone::Private),
            ("172.32.0.1", Zone::Public),
            ("192.168.1.1", Zone::Private),
            ("100.64.0.1", Zone::Private),
            ("fd12:3456::1", Zone::Private),
            ("::ffff:10.0.0.1", Zone::Private),
            ("127.8.8.8", Zone::Loopback),
            ("::1", Zone::Loopback),
            ("::ffff:127.0.0.1", Zone::Loopback),
            ("0.0.0.0", Zone::Never),
            ("::", Zone::Never),
            ("224.0.0.1", Zone::Never),
            ("255.255.255.255", Zone::Never),
            ("ff02::1", Zone::Never),
        ] {
            assert_eq!(zone(address.parse().unwrap()), expected, "{address}");
        }
    }
}
