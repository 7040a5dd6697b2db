use super::binding::{self, FIRST_EPOCH, Freshness, Run, THRESHOLD};
use super::{SignedIn, Start, fresh_nonce};
use crate::clock::now_unix_s;
use crate::home::{HeldWallet, Holding};
use crate::{Error, Result};
use rand_core::{OsRng, RngCore};
use sharekeep_channel::encapsulation::EnclavePublicKey;
use sharekeep_mpc::keygen;
use sharekeep_schemas::sealed::{CeremonyResult, CreateWallet, VERSION};
use sharekeep_schemas::{Protocol, Scheme, WalletId, WalletStatus};
use sharekeep_steps::DurableStep;

/// A wallet to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewWallet {
    /// What its signatures shall be.
    pub scheme: Scheme,
    /// How its parties shall sign.
    pub protocol: Protocol,
    /// What the user calls it; stays on this device.
    pub name: Option<String>,
}

impl SignedIn<'_> {
    /// Makes a wallet and activates it with its first backup. The share is stored before the enclave
    /// is told that it is: after a crash in between the wallet is pending, here and there, and can
    /// be activated or forgotten.
    ///
    /// # Errors
    /// [`Error::NoRecovery`] before recovery was set up, [`Error::Usage`] for a name that is taken, [`Error::Fault`] and [`Error::Disagreement`] if
    /// the enclave does not keep to the protocol.
    pub async fn create_wallet(&self, new: &NewWallet) -> Result<HeldWallet> {
        if !new.protocol.supports(new.scheme) {
            let message = format!("{} wallets cannot sign with {}", new.scheme, new.protocol);
            return Err(Error::Usage(message));
        }
        if let Some(name) = &new.name {
            self.home.check_new_name(name)?;
        }
        // Without it there is nothing to seal a backup to, and without a backup no wallet.
        self.recovery_pin()?;
        let run = |enclave: EnclavePublicKey| async move { self.generate(new, &enclave).await };
        let mut wallet = self.client.with_enclave(run).await?;
        self.home.store_wallet(&wallet, DurableStep::WalletMade)?;
        self.activate_wallet(&mut wallet).await?;
        Ok(wallet)
    }

    async fn generate(&self, new: &NewWallet, enclave: &EnclavePublicKey) -> Result<HeldWallet> {
        let (wallet, client_nonce) = (fresh_wallet_id(), fresh_nonce());
        let (scheme, protocol) = (new.scheme, new.protocol);
        let execution = binding::execution_id(
            &Run::Keygen { wallet, scheme, protocol },
            Freshness { client_nonce: &client_nonce, enclave },
        );
        let roster = binding::roster().map_err(Error::Fault)?;
        let ceremony =
            keygen(scheme, execution, roster, THRESHOLD, &mut OsRng).map_err(Error::Fault)?;
        let payload = |messages| CreateWallet {
            version: VERSION,
            wallet,
            scheme,
            protocol,
            client_nonce,
            messages,
        };
        let start = Start { path: "/v1/wallets", payload: &payload, patience: None };
        let finished = self.drive(enclave, ceremony, start).await?;
        let CeremonyResult::Wallet { public_key, receipt } = finished.server? else {
            return Err(Error::Disagreement("kind of the ceremony"));
        };
        let share = finished.output;
        if share.public_key().as_bytes() != public_key {
            return Err(Error::Disagreement("wallet's public key"));
        }
        let receipt = self.client.check_receipt(wallet, &receipt, None)?;
        if receipt.epoch != FIRST_EPOCH || receipt.status != WalletStatus::Pending {
            return Err(Error::Disagreement("new wallet's state"));
        }
        Ok(HeldWallet {
            id: wallet,
            name: new.name.clone(),
            protocol,
            epoch: receipt.epoch,
            status: receipt.status,
            created_at_unix_s: now_unix_s(),
            receipt: Some(receipt.signed),
            holding: Holding::Registered,
            backup: None,
            offered: None,
            share,
        })
    }
}

fn fresh_wallet_id() -> WalletId {
    let mut id = [0; WalletId::LEN];
    OsRng.fill_bytes(&mut id);
    WalletId::new(id)
}
