use super::address::{Zone, zone};
use crate::Error;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Where a listed name may lead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// To the internet.
    Public,
    /// To the deployment's own network as well: a VPC endpoint has a private address.
    Private,
    /// To this address, without asking for the name; for a deployment on one machine.
    At(SocketAddr),
}

impl Reach {
    pub(super) fn admits(self, address: IpAddr) -> bool {
        match (self, zone(address)) {
            (_, Zone::Never) => false,
            (Self::At(at), _) => at.ip() == address,
            (Self::Public | Self::Private, Zone::Public) | (Self::Private, Zone::Private) => true,
            (Self::Public | Self::Private, _) => false,
        }
    }
}

/// A host's name, in lower case, and a port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Place {
    /// Reads `host:port`. The host must be a name: its last label starts with a letter, which no
    /// spelling of an IPv4 address does (`0x7f.1`, `2130706433`), and a colon is not in it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let named = host.rsplit('.').next()?.starts_with(|c: char| c.is_ascii_alphabetic());
        let digits = port.bytes().all(|b| b.is_ascii_digit());
        let port = port.parse().ok().filter(|port| *port != 0 && digits)?;
        let fits = host.len() <= 253 && host.chars().all(allowed) && named;
        fits.then(|| Self { host: host.to_ascii_lowercase(), port })
    }
}

/// The places that the enclave may reach, and nothing else.
#[derive(Clone, Default, Debug)]
pub struct Allowlist(BTreeMap<Place, Reach>);

impl Allowlist {
    /// Adds `host:port`.
    ///
    /// # Errors
    /// [`Error::Place`] when it is none, when the host is an address instead of a name, or when it
    /// is placed where nothing may ever be reached.
    pub fn allow(&mut self, place: &str, reach: Reach) -> Result<(), Error> {
        let refused = || Error::Place(place.to_owned());
        let parsed = Place::parse(place).ok_or_else(refused)?;
        if matches!(reach, Reach::At(at) if zone(at.ip()) == Zone::Never) {
            return Err(refused());
        }
        self.0.insert(parsed, reach);
        Ok(())
    }

    pub(super) fn reach(&self, place: &Place) -> Option<Reach> {
        self.0.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_cannot_be_listed_in_place_of_names() {
        let mut allowed = Allowlist::default();
        for wrong in [
            "169.254.169.254:80",
            "[fd00:ec2::254]:80",
            "fd00:ec2::254:80",
            "2852039166:80",
            "0xa9fea9fe:80",
            "169.254.0xa9fe:80",
            "kms.test",
            "kms.test:",
            "kms.test:0",
            "kms.test:+443",
            "kms.test:70000",
            "kms.test.:443",
            ":443",
            "a b:443",
        ] {
            assert!(allowed.allow(wrong, Reach::Private).is_err(), "{wrong}");
        }
        let metadata = Reach::At(([169, 254, 169, 254], 80).into());
        assert!(allowed.allow("kms.test:443", metadata).is_err());
        allowed.allow("KMS.test:443", Reach::Public).unwrap();
        assert!(allowed.reach(&Place::parse("kms.TEST:443").unwrap()).is_some());
    }

    #[test]
    fn only_what_is_marked_so_leads_into_the_private_network() {
        let private = "10.0.0.1".parse().unwrap();
        assert!(!Reach::Public.admits(private) && Reach::Private.admits(private));
        let here = "127.0.0.1".parse().unwrap();
        assert!(!Reach::Public.admits(here) && !Reach::Private.admits(here));
        assert!(Reach::At(([127, 0, 0, 1], 1).into()).admits(here));
    }
}
