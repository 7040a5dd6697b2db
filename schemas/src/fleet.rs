//! The table `fleet`: hosts write in it that their enclave lives, where it is reached and how busy it
//! is; functions read it to find the holder of a key, and an enclave for new work.
//!
//! Whoever can write a row can send requests astray. They are sealed to one enclave's key: who else
//! gets one cannot read or carry it out, but can refuse it, and can have functions store garbage
//! where the request's own user could write.

use crate::EnclaveKeyId;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// The table's name, after the deployment's prefix.
pub const TABLE: &str = "fleet";
/// What `pk` is in every row: [`FleetPartition::Enclave`] as text.
pub const PARTITION: &str = "enclave";
/// The attribute of [`FleetRow::heartbeat_unix_ms`], for queries.
pub const HEARTBEAT: &str = "heartbeat_ms";

/// How often a host says that its enclave lives.
pub const BEAT_EVERY: Duration = Duration::from_secs(3);
/// How long a heartbeat counts. Ten of them, so that a store that is away for some seconds costs
/// nobody their enclave; on both sides of now, so that clocks may differ by most of it.
pub const ALIVE_FOR: Duration = Duration::from_secs(30);
/// How long readers keep a row before they look again: after that, all know of a change.
pub const KEPT_FOR: Duration = Duration::from_secs(2);
/// When the store may remove a row that nobody writes any more, in seconds after its last heartbeat.
const REMOVED_AFTER_S: u64 = 300;

/// The metadata service of an instance, where it is not link-local.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// The one partition of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FleetPartition {
    /// Rows of enclaves.
    Enclave,
}

/// What a host says of its enclave.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FleetRow {
    /// Always the same.
    #[serde(rename = "pk")]
    pub partition: FleetPartition,
    /// The enclave's encapsulation key. It has a new one, and so a new row, after each start.
    #[serde(rename = "sk")]
    pub enclave_key: EnclaveKeyId,
    /// Where functions reach it.
    pub address: EnclaveAddress,
    /// Running ceremonies.
    pub ceremonies: u32,
    /// Steps waiting for a CPU.
    pub queued_steps: u32,
    /// Whether it takes nothing new and only ends what it has begun.
    pub draining: bool,
    /// When it last answered, in milliseconds since 1970 by the host's clock.
    #[serde(rename = "heartbeat_ms")]
    pub heartbeat_unix_ms: u64,
    /// When the store may remove the row, in seconds since 1970.
    #[serde(rename = "expires_at")]
    pub expires_at_unix_s: u64,
}

impl FleetRow {
    /// When the store may remove a row of this heartbeat, in seconds since 1970.
    pub fn expiry(heartbeat_unix_ms: u64) -> u64 {
        heartbeat_unix_ms / 1000 + REMOVED_AFTER_S
    }

    /// Whether the enclave lives, as far as one can tell by a clock of one's own.
    pub fn is_alive(&self, now_unix_ms: u64) -> bool {
        u128::from(self.heartbeat_unix_ms.abs_diff(now_unix_ms)) <= ALIVE_FOR.as_millis()
    }

    /// How busy it is: less is less.
    pub fn load(&self) -> (u32, u32) {
        (self.queued_steps, self.ceremonies)
    }
}

/// An address and a port that an enclave can have. No name, so that nobody is asked where it is; and
/// nothing that is no host, the metadata service of an instance least of all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "SocketAddr", into = "SocketAddr")]
pub struct EnclaveAddress(SocketAddr);

/// Not an address that an enclave can have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an address that an enclave can have")]
pub struct AddressError;

impl EnclaveAddress {
    /// The address.
    pub fn get(self) -> SocketAddr {
        self.0
    }
}

impl TryFrom<SocketAddr> for EnclaveAddress {
    type Error = AddressError;

    fn try_from(address: SocketAddr) -> Result<Self, AddressError> {
        let ip = address.ip().to_canonical();
        let metadata = match ip {
            IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
            IpAddr::V6(ip) => ip.is_unicast_link_local() || ip == METADATA_V6,
        };
        if metadata || ip.is_unspecified() || ip.is_multicast() || address.port() == 0 {
            return Err(AddressError);
        }
        Ok(Self(address))
    }
}

impl FromStr for EnclaveAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse::<SocketAddr>().map_err(|_| AddressError)?.try_into()
    }
}

impl From<EnclaveAddress> for SocketAddr {
    fn from(address: EnclaveAddress) -> Self {
        address.0
    }
}

impl std::fmt::Display for EnclaveAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(heartbeat_unix_ms: u64) -> FleetRow {
        FleetRow {
            partition: FleetPartition::Enclave,
            enclave_key: EnclaveKeyId::new([7; 32]),
            address: "10.0.1.7:8443".parse().unwrap(),
            ceremonies: 2,
            queued_steps: 1,
            draining: false,
            heartbeat_unix_ms,
            expires_at_unix_s: FleetRow::expiry(heartbeat_unix_ms),
        }
    }

    #[test]
    fn a_row_has_the_attributes_that_templates_and_readers_name() {
        let json = serde_json::to_value(row(1_800_000_000_000)).unwrap();
        assert_eq!(json["pk"], PARTITION);
        assert_eq!(json["sk"], EnclaveKeyId::new([7; 32]).to_string());
        assert_eq!(json[HEARTBEAT], 1_800_000_000_000_u64);
        assert_eq!(json["expires_at"], 1_800_000_300);
        assert_eq!(json["address"], "10.0.1.7:8443");
        assert_eq!(serde_json::from_value::<FleetRow>(json).unwrap(), row(1_800_000_000_000));
    }

    #[test]
    fn clocks_may_differ_but_a_silent_enclave_dies() {
        let now = 1_800_000_000_000;
        for lives in [now, now - 20_000, now + 20_000, now - 30_000] {
            assert!(row(lives).is_alive(now));
        }
        for dead in [now - 30_001, now + 30_001, 0, u64::MAX] {
            assert!(!row(dead).is_alive(now));
        }
    }

    #[test]
    fn only_addresses_of_hosts_are_addresses() {
        for good in ["10.0.1.7:8443", "127.0.0.1:1", "[fd00::7]:8443"] {
            assert_eq!(good.parse::<EnclaveAddress>().unwrap().to_string(), good);
        }
        let long = format!("10.0.1.7:{}", "8".repeat(100_000));
        for bad in [
            "",
            "enclave:8443",
            "10.0.1.7",
            "10.0.1.7:0",
            "0.0.0.0:80",
            "[::]:80",
            "169.254.169.254:80",
            "[::ffff:169.254.169.254]:80",
            "[fe80::1]:80",
            "[fd00:ec2::254]:80",
            "224.0.0.1:80",
            "255.255.255.255:80",
            "10.0.1.7:80/path",
            "user@10.0.1.7:80",
            "unix:/run/socket",
            &long,
        ] {
            assert_eq!(bad.parse::<EnclaveAddress>(), Err(AddressError), "{bad:.40}");
        }
    }
}
