use super::recovery::BackupMark;
use super::{OpenHome, WALLETS, durable};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sharekeep_channel::receipt::SignedReceipt;
use sharekeep_mpc::KeyShare;
use sharekeep_schemas::limits::MAX_BACKUP_BYTES;
use sharekeep_schemas::sealed::SealedBackup;
use sharekeep_schemas::{DeviceId, Protocol, Scheme, SecretBytes, WalletId, WalletStatus, codec};
use sharekeep_steps::DurableStep;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Largest content of a wallet file: the share (under 9 kB), a receipt and a name; while the wallet
/// is being made, its first backup too.
const MAX_BYTES: usize = 32 * 1024 + MAX_BACKUP_BYTES;
/// Longest name of a wallet, in bytes.
const MAX_NAME_BYTES: usize = 64;
const VERSION: u8 = 1;
const EXTENSION: &str = "age";

/// A wallet as this device holds it: its share of the key, and the last receipt seen.
pub struct HeldWallet {
    /// Its id.
    pub id: WalletId,
    /// What the user calls it; only this device knows.
    pub name: Option<String>,
    /// How its parties sign.
    pub protocol: Protocol,
    /// Generation of the share.
    pub epoch: u64,
    /// Where it stands, by the last receipt.
    pub status: WalletStatus,
    /// When it was made, in seconds since 1970.
    pub created_at_unix_s: u64,
    /// The enclave's last word on it, verified; none while the share came from a backup and the
    /// enclave was not asked yet.
    pub receipt: Option<SignedReceipt>,
    /// Whether the enclave takes this device for one of the wallet's.
    pub holding: Holding,
    /// The backup that this device stored or saw last.
    pub backup: Option<BackupMark>,
    /// The first backup, made and not known to be stored: a repeated activation sends the same.
    pub(crate) offered: Option<SealedBackup>,
    pub(crate) share: KeyShare,
}

/// How a device stands to a wallet whose share it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Holding {
    /// The enclave knows that it does.
    Registered,
    /// The share was opened from a backup, and the enclave is still to be asked.
    Restoring {
        /// The device whose half of the preparation came along.
        prepared_by: Option<DeviceId>,
    },
    /// The share was opened from a downloaded bundle, with no service.
    Offline,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u8,
    wallet: WalletId,
    name: Option<String>,
    protocol: Protocol,
    epoch: u64,
    status: WalletStatus,
    created_at_unix_s: u64,
    receipt: Option<ByteBuf>,
    holding: Holding,
    backup: Option<BackupMark>,
    offered: Option<SealedBackup>,
    share: SecretBytes,
}

impl HeldWallet {
    /// What its signatures are.
    pub fn scheme(&self) -> Scheme {
        self.share.scheme()
    }

    /// Its public key, from this device's own share: SEC1 compressed (33 bytes) or Ed25519 (32).
    pub fn public_key(&self) -> Vec<u8> {
        self.share.public_key().as_bytes().to_vec()
    }

    /// Its share of the key: for the device's side of a ceremony.
    pub fn share(&self) -> &KeyShare {
        &self.share
    }

    pub(crate) fn from_plaintext(bytes: &[u8]) -> Option<Self> {
        let content: Content = codec::decode(bytes, MAX_BYTES).ok()?;
        if content.version != VERSION {
            return None;
        }
        Some(Self {
            id: content.wallet,
            name: content.name,
            protocol: content.protocol,
            epoch: content.epoch,
            status: content.status,
            created_at_unix_s: content.created_at_unix_s,
            receipt: content
                .receipt
                .map(|receipt| SignedReceipt::from_bytes(&receipt))
                .transpose()
                .ok()?,
            holding: content.holding,
            backup: content.backup,
            offered: content.offered,
            share: KeyShare::from_sealed_bytes(&content.share.0).ok()?,
        })
    }

    pub(crate) fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        codec::encode_secret(&Content {
            version: VERSION,
            wallet: self.id,
            name: self.name.clone(),
            protocol: self.protocol,
            epoch: self.epoch,
            status: self.status,
            created_at_unix_s: self.created_at_unix_s,
            receipt: self.receipt.as_ref().map(|receipt| ByteBuf::from(receipt.to_bytes())),
            holding: self.holding,
            backup: self.backup.clone(),
            offered: self.offered.clone(),
            share: SecretBytes(self.share.to_sealed_bytes()),
        })
    }
}

impl OpenHome {
    /// Keeps a wallet: when this returns, the share survives a crash. `step` says which of the
    /// durable steps it is.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn store_wallet(&self, wallet: &HeldWallet, step: DurableStep) -> Result<()> {
        self.vault.write(&self.wallet_file(wallet.id), &wallet.to_plaintext(), step)
    }

    /// Keeps a wallet that came out of a backup. Its name stays behind if it could not be given to
    /// a new wallet of this device.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn store_restored(
        &self,
        mut wallet: HeldWallet,
        step: DurableStep,
    ) -> Result<HeldWallet> {
        let held = self.wallet(wallet.id)?.and_then(|held| held.name);
        wallet.name = wallet
            .name
            .filter(|name| held.as_ref() == Some(name) || self.check_new_name(name).is_ok());
        self.store_wallet(&wallet, step)?;
        Ok(wallet)
    }

    /// One wallet, if this device holds it.
    ///
    /// # Errors
    /// [`Error::Damaged`], also when the file was renamed from another wallet's.
    pub fn wallet(&self, id: WalletId) -> Result<Option<HeldWallet>> {
        let path = self.wallet_file(id);
        let Some(bytes) = self.vault.read(&path)? else { return Ok(None) };
        let wallet = HeldWallet::from_plaintext(&bytes).filter(|wallet| wallet.id == id);
        wallet.map(Some).ok_or(Error::Damaged(path))
    }

    /// All wallets of this device, oldest first.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::File`].
    pub fn wallets(&self) -> Result<Vec<HeldWallet>> {
        let folder = self.directory.join(WALLETS);
        let mut wallets = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(Error::file(&folder))? {
            let path = entry.map_err(Error::file(&folder))?.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            let Some(id) = id.filter(|_| path.extension().is_some_and(|e| e == EXTENSION)) else {
                continue;
            };
            wallets.extend(self.wallet(id)?);
        }
        wallets.sort_by_key(|w: &HeldWallet| (w.created_at_unix_s, w.id));
        Ok(wallets)
    }

    /// The wallet that a user means by an id or a name.
    ///
    /// # Errors
    /// [`Error::NoWallet`] or [`Error::AmbiguousWallet`].
    pub fn find_wallet(&self, id_or_name: &str) -> Result<HeldWallet> {
        let by_id = id_or_name.parse().ok().map(|id| self.wallet(id)).transpose()?.flatten();
        if let Some(wallet) = by_id {
            return Ok(wallet);
        }
        let mut named: Vec<_> = self.wallets()?;
        named.retain(|w| w.name.as_deref() == Some(id_or_name));
        match named.len() {
            0 => Err(Error::NoWallet(id_or_name.to_owned())),
            1 => Ok(named.remove(0)),
            _ => Err(Error::AmbiguousWallet(id_or_name.to_owned())),
        }
    }

    /// Checks a name before a wallet is made for it.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is empty, too long, unprintable or taken, or reads like an id.
    pub fn check_new_name(&self, name: &str) -> Result<()> {
        let printable = name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control);
        if name.is_empty() || !printable {
            return Err(Error::Usage(format!("a name has 1 to {MAX_NAME_BYTES} printable bytes")));
        }
        if name.parse::<WalletId>().is_ok() {
            return Err(Error::Usage("a name must not read like a wallet id".to_owned()));
        }
        match self.find_wallet(name) {
            Err(Error::NoWallet(_)) => Ok(()),
            Ok(_) | Err(Error::AmbiguousWallet(_)) => {
                Err(Error::Usage(format!("there is a wallet called {name:?} already")))
            }
            Err(e) => Err(e),
        }
    }

    /// Erases this device's share of a wallet. For wallets that were never activated: any other
    /// share is gone for good with it.
    ///
    /// # Errors
    /// [`Error::WalletStatus`] if the wallet is not pending.
    pub fn forget_pending_wallet(&self, wallet: &HeldWallet) -> Result<()> {
        if wallet.status != WalletStatus::Pending || wallet.holding != Holding::Registered {
            let hint = "only a half-made wallet can be forgotten";
            return Err(Error::WalletStatus { status: wallet.status, hint });
        }
        durable::remove(&self.wallet_file(wallet.id), DurableStep::WalletForgotten)
    }

    fn wallet_file(&self, id: WalletId) -> PathBuf {
        self.directory.join(WALLETS).join(format!("{id}.{EXTENSION}"))
    }
}
