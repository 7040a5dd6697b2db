use axum::extract::ConnectInfo;
use http::Extensions;
use std::net::{IpAddr, SocketAddr};

/// Where a request comes from, as far as the front end says. Put into a request's extensions by
/// whoever accepts it; advisory, used for rates only. Never read from a header that a caller sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    pub(super) fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get::<Self>().copied().or_else(|| {
            extensions.get::<ConnectInfo<SocketAddr>>().map(|connected| Self(connected.0.ip()))
        })
    }

    /// What is counted as one, from the narrowest on, each with how many times the rate of a single
    /// address it has. An IPv6 customer holds a /64 at least, and often a /56 or a /48: with rates
    /// for the narrowest alone, one customer would have 65,536 of them.
    pub(super) fn networks(self) -> Vec<(String, u32)> {
        // An IPv4 address in IPv6's clothes would share its /64 with all others.
        match self.0.to_canonical() {
            IpAddr::V4(address) => vec![(address.to_string(), 1)],
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                vec![
                    (format!("{a:x}:{b:x}:{c:x}:{d:x}"), 1),
                    (format!("{a:x}:{b:x}:{c:x}:{:x}/56", d & 0xff00), 4),
                    (format!("{a:x}:{b:x}:{c:x}/48"), 16),
                ]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(text: &str) -> Vec<(String, u32)> {
        ClientAddress(text.parse().unwrap()).networks()
    }

    /// How many of their networks two addresses have in common.
    fn shared(one: &str, other: &str) -> usize {
        let others = networks(other);
        networks(one).iter().filter(|network| others.contains(network)).count()
    }

    #[test]
    fn addresses_of_one_ipv6_customer_count_as_one() {
        assert_eq!(shared("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"), 3);
        assert_eq!(shared("2001:db8:1:2::1", "2001:db8:1:3::1"), 2, "a /56");
        assert_eq!(shared("2001:db8:1:2::1", "2001:db8:1:102::1"), 1, "a /48");
        assert_eq!(shared("2001:db8:1:2::1", "2001:db8:2:2::1"), 0);
        assert_eq!(shared("192.0.2.1", "192.0.2.2"), 0);
        // Networks of different widths never share a bucket.
        assert_eq!(shared("2001:db8:1:0::1", "2001:db8:1:1::1"), 2);
        let growing: Vec<_> = networks("2001:db8::1").into_iter().map(|(_, times)| times).collect();
        assert!(growing.is_sorted_by(|narrow, wide| narrow < wide));
    }

    #[test]
    fn ipv4_callers_of_an_ipv6_socket_do_not_share_a_bucket() {
        assert_eq!(networks("::ffff:192.0.2.1"), networks("192.0.2.1"));
        assert_eq!(shared("::ffff:192.0.2.1", "::ffff:192.0.2.2"), 0);
    }
}
