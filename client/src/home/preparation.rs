use super::{HeldWallet, Holding, OpenHome, PREPARATIONS, durable};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use sharekeep_mpc::Preparation;
use sharekeep_schemas::{
    PreparationId, PreparationScope, Protocol, SecretBytes, WalletStatus, codec,
};
use sharekeep_steps::DurableStep;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Largest content of a preparation file.
const MAX_BYTES: usize = 3 * 1024 * 1024;
const VERSION: u8 = 1;

/// This device's half of a preparation.
pub struct HeldPreparation {
    /// Its id, which the enclave's half has too.
    pub id: PreparationId,
    /// What it serves.
    pub scope: PreparationScope,
    /// When this device got it, in seconds since 1970.
    pub created_at_unix_s: u64,
    /// Where it comes from.
    pub origin: PreparationOrigin,
    pub(crate) half: Preparation,
}

/// Where this device's half of a preparation comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PreparationOrigin {
    /// This device made it with the enclave; nobody else ever had it.
    MadeHere,
    /// It came out of a backup: the device that made it has it too.
    Backup,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u8,
    id: PreparationId,
    scope: PreparationScope,
    protocol: sharekeep_schemas::Protocol,
    created_at_unix_s: u64,
    origin: PreparationOrigin,
    half: SecretBytes,
}

impl HeldPreparation {
    pub(crate) fn from_plaintext(bytes: &[u8]) -> Option<Self> {
        let content: Content = codec::decode(bytes, MAX_BYTES).ok()?;
        if content.version != VERSION {
            return None;
        }
        Some(Self {
            id: content.id,
            scope: content.scope,
            created_at_unix_s: content.created_at_unix_s,
            origin: content.origin,
            half: Preparation::from_sealed_bytes(content.protocol, &content.half.0).ok()?,
        })
    }

    pub(crate) fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        codec::encode_secret(&Content {
            version: VERSION,
            id: self.id,
            scope: self.scope,
            protocol: self.half.protocol(),
            created_at_unix_s: self.created_at_unix_s,
            origin: self.origin,
            half: SecretBytes(self.half.to_sealed_bytes()),
        })
    }
}

impl OpenHome {
    /// Keeps a preparation; it replaces the last one of its scope.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn store_preparation(
        &self,
        preparation: &HeldPreparation,
        step: DurableStep,
    ) -> Result<()> {
        let path = self.preparation_file(preparation.scope);
        self.vault.write(&path, &preparation.to_plaintext(), step)
    }

    /// The preparation of a scope, if there is one.
    ///
    /// # Errors
    /// [`Error::Damaged`], also when the file was renamed from another scope's.
    pub fn preparation(&self, scope: PreparationScope) -> Result<Option<HeldPreparation>> {
        let path = self.preparation_file(scope);
        let Some(bytes) = self.vault.read(&path)? else { return Ok(None) };
        let held = HeldPreparation::from_plaintext(&bytes).filter(|held| held.scope == scope);
        held.map(Some).ok_or(Error::Damaged(path))
    }

    /// Whether there is a preparation of a scope, without opening it.
    pub fn has_preparation(&self, scope: PreparationScope) -> bool {
        self.preparation_file(scope).exists()
    }

    /// Whether cggmp24 wallets of this device sign with a preparation that came out of a backup, or
    /// have none: [`SignedIn::refresh_preparation`](crate::SignedIn::refresh_preparation) makes one.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::File`].
    pub fn wants_fresh_preparation(&self) -> Result<bool> {
        let pair = PreparationScope::Pair(Protocol::Cggmp24);
        let served = |wallet: &HeldWallet| {
            wallet.preparation_scope() == Some(pair)
                && wallet.status == WalletStatus::Active
                && wallet.holding == Holding::Registered
        };
        if !self.wallets()?.iter().any(served) {
            return Ok(false);
        }
        let held = self.preparation(pair)?;
        Ok(held.is_none_or(|held| held.origin == PreparationOrigin::Backup))
    }

    /// Erases the preparation of a scope; another can always be made.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn forget_preparation(
        &self,
        scope: PreparationScope,
        step: DurableStep,
    ) -> Result<()> {
        durable::remove(&self.preparation_file(scope), step)
    }

    fn preparation_file(&self, scope: PreparationScope) -> PathBuf {
        let name = match scope {
            PreparationScope::Pair(protocol) => format!("pair-{protocol}.age"),
            PreparationScope::Wallet(wallet) => format!("wallet-{wallet}.age"),
        };
        self.directory.join(PREPARATIONS).join(name)
    }
}
