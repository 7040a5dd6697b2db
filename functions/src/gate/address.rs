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

    /// What is counted as one: an IPv6 customer holds a whole /64.
    pub(super) fn network(self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_ipv6_customer_count_as_one() {
        let network = |text: &str| ClientAddress(text.parse().unwrap()).network();
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
