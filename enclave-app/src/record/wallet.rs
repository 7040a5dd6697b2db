use super::{NotARecord, VERSION, check_version, decode, encode};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sharekeep_mpc::KeyShare;
use sharekeep_schemas::enclave::{Row, WalletRow};
use sharekeep_schemas::limits::MAX_DEVICES_PER_USER;
use sharekeep_schemas::{DeviceId, Protocol, Scheme, WalletId, WalletStatus};
use std::collections::BTreeSet;
use zeroize::{Zeroize, Zeroizing};

/// A wallet with the server's key share.
pub struct WalletRecord {
    /// The wallet.
    pub wallet: WalletId,
    /// What its signatures are.
    pub scheme: Scheme,
    /// How its parties sign.
    pub protocol: Protocol,
    /// Generation of the shares.
    pub epoch: u64,
    /// Where it stands.
    pub status: WalletStatus,
    /// The devices that hold party 0's share: the one that made it, and those that proved to hold
    /// it again. Sorted.
    pub devices: BTreeSet<DeviceId>,
    /// When it was made, in seconds since 1970.
    pub created_at_unix_s: u64,
    /// The server's share.
    pub share: KeyShare,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    wallet: WalletId,
    scheme: Scheme,
    protocol: Protocol,
    epoch: u64,
    status: WalletStatus,
    devices: Vec<DeviceId>,
    created_at_unix_s: u64,
    #[serde(with = "serde_bytes")]
    share: Vec<u8>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.share.zeroize();
    }
}

impl WalletRecord {
    /// The plaintext to seal.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode(&Wire {
            version: VERSION,
            wallet: self.wallet,
            scheme: self.scheme,
            protocol: self.protocol,
            epoch: self.epoch,
            status: self.status,
            devices: self.devices.iter().copied().collect(),
            created_at_unix_s: self.created_at_unix_s,
            share: self.share.to_sealed_bytes().to_vec(),
        })
    }

    /// Reads an opened plaintext.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let wire: Wire = decode(bytes)?;
        check_version(wire.version)?;
        let devices: BTreeSet<_> = wire.devices.iter().copied().collect();
        if devices.len() > MAX_DEVICES_PER_USER || !devices.iter().eq(&wire.devices) {
            return Err(NotARecord);
        }
        let share = KeyShare::from_sealed_bytes(&wire.share).map_err(|_| NotARecord)?;
        if share.scheme().as_str() != wire.scheme.as_str() {
            return Err(NotARecord);
        }
        Ok(Self {
            wallet: wire.wallet,
            scheme: wire.scheme,
            protocol: wire.protocol,
            epoch: wire.epoch,
            status: wire.status,
            devices,
            created_at_unix_s: wire.created_at_unix_s,
            share,
        })
    }

    /// The public key's bytes: SEC1 compressed, or Ed25519.
    pub fn public_key(&self) -> Vec<u8> {
        self.share.public_key().as_bytes().to_vec()
    }

    /// The routing copy.
    pub fn row(&self) -> Row {
        Row::Wallet(WalletRow {
            wallet: self.wallet,
            scheme: self.scheme,
            protocol: self.protocol,
            public_key: ByteBuf::from(self.public_key()),
            threshold: self.share.threshold(),
            parties: self.share.parties(),
            epoch: self.epoch,
            status: self.status,
            created_at_unix_s: self.created_at_unix_s,
        })
    }
}

/// What counting and re-sealing need to know of a wallet. Its share stays unread: checking one costs
/// CPU, and a user has many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WalletHead {
    /// The wallet.
    pub wallet: WalletId,
    /// Generation of the shares.
    pub epoch: u64,
    /// Where it stands.
    pub status: WalletStatus,
}

impl WalletHead {
    /// Reads the head of an opened wallet.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let wire: Wire = decode(bytes)?;
        check_version(wire.version)?;
        Ok(Self { wallet: wire.wallet, epoch: wire.epoch, status: wire.status })
    }
}
