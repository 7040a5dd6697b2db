use super::binding::{self, Freshness, Run};
use super::{SignedIn, Start, fresh_nonce, preparation_id};
use crate::clock::now_unix_s;
use crate::home::{HeldPreparation, HeldWallet};
use crate::primes::PrimeFinder;
use crate::progress::Step;
use crate::{Error, Result};
use rand_core::OsRng;
use sharekeep_channel::encapsulation::EnclavePublicKey;
use sharekeep_mpc::safe_prime::PaillierPrimes;
use sharekeep_mpc::{Ceremony, ExecutionId, Fault, Preparation, Preparing, prepare};
use sharekeep_schemas::sealed::{CeremonyResult, StartCeremony, StartKind, VERSION};
use sharekeep_schemas::{PreparationScope, Protocol};
use sharekeep_steps::DurableStep;
use std::time::Duration;

/// The enclave searches its primes in idle time; this is how long a device waits for them.
const PRIME_PATIENCE: Duration = Duration::from_secs(15 * 60);

impl HeldWallet {
    /// What this wallet's protocol prepares for; `None` if it needs no preparation.
    pub fn preparation_scope(&self) -> Option<PreparationScope> {
        self.protocol.preparation_scope(Some(self.id))
    }
}

impl SignedIn<'_> {
    /// Makes what this device needs once before its cggmp24 wallets can sign: searches four safe
    /// primes on all cores (unless they are handed over) and exchanges proofs with the enclave.
    ///
    /// # Errors
    /// [`Error::Fault`] and [`Error::Disagreement`] if the enclave does not keep to the protocol.
    pub async fn prepare_pair(&self, primes: Option<PaillierPrimes>) -> Result<HeldPreparation> {
        self.prepare_pair_with(match primes {
            Some(primes) => primes,
            None => self.find_primes(PrimeFinder::start()).await?,
        })
        .await
    }

    /// The same with a search that was started earlier.
    ///
    /// # Errors
    /// As [`Self::prepare_pair`].
    pub async fn prepare_pair_from(&self, finder: PrimeFinder) -> Result<HeldPreparation> {
        let primes = self.find_primes(finder).await?;
        self.prepare_pair_with(primes).await
    }

    async fn prepare_pair_with(&self, primes: PaillierPrimes) -> Result<HeldPreparation> {
        self.progress.report(Step::Preparing);
        // The search took a while; asking now makes it unlikely that the enclave was started anew
        // and the primes are wasted: they are never used in a second ceremony.
        let enclave = self.client.attest().await?.enclave_key;
        let (device, protocol) = (self.home.device().id(), Protocol::Cggmp24);
        let client_nonce = fresh_nonce();
        let execution = binding::execution_id(
            &Run::PreparePair { device, protocol },
            Freshness { client_nonce: &client_nonce, enclave: &enclave },
        );
        let ceremony = begin(execution, Preparing::Cggmp24 { primes })?;
        let kind = StartKind::Prepare { protocol, wallet: None };
        let scope = PreparationScope::Pair(protocol);
        let held = self.run_preparation(&enclave, ceremony, scope, kind, client_nonce).await?;
        self.refresh_backups_soon().await;
        Ok(held)
    }

    /// Makes what a dkls23 wallet needs once before it can sign.
    ///
    /// # Errors
    /// As [`Self::prepare_pair`].
    pub async fn prepare_wallet(&self, wallet: &HeldWallet) -> Result<HeldPreparation> {
        self.progress.report(Step::Preparing);
        let run = |enclave: EnclavePublicKey| async move {
            let (scheme, protocol) = (wallet.scheme(), wallet.protocol);
            let (id, epoch, client_nonce) = (wallet.id, wallet.epoch, fresh_nonce());
            let execution = binding::execution_id(
                &Run::PrepareWallet { wallet: id, scheme, protocol, epoch },
                Freshness { client_nonce: &client_nonce, enclave: &enclave },
            );
            let ceremony = begin(execution, Preparing::Dkls23 { share: wallet.share() })?;
            let kind = StartKind::Prepare { protocol, wallet: Some(id) };
            let scope = PreparationScope::Wallet(id);
            self.run_preparation(&enclave, ceremony, scope, kind, client_nonce).await
        };
        self.client.with_enclave(run).await
    }

    /// Makes the preparation that a wallet's protocol needs, if it needs one and there is none.
    ///
    /// # Errors
    /// As [`Self::prepare_pair`].
    pub async fn ensure_prepared(&self, wallet: &HeldWallet) -> Result<Option<HeldPreparation>> {
        let Some(scope) = wallet.preparation_scope() else { return Ok(None) };
        match self.home.preparation(scope)? {
            Some(held) => Ok(Some(held)),
            None => self.prepare_for(wallet).await,
        }
    }

    /// Makes it anew, whether there is one or not. The old one is replaced only by a new one.
    pub(super) async fn prepare_for(&self, wallet: &HeldWallet) -> Result<Option<HeldPreparation>> {
        match wallet.preparation_scope() {
            None => Ok(None),
            Some(PreparationScope::Pair(_)) => self.prepare_pair(None).await.map(Some),
            Some(PreparationScope::Wallet(_)) => self.prepare_wallet(wallet).await.map(Some),
        }
    }

    async fn find_primes(&self, finder: PrimeFinder) -> Result<PaillierPrimes> {
        finder
            .primes(|progress| self.progress.report(Step::Primes(progress)))
            .await
            .ok_or(Error::Fault(Fault::Aborted))
    }

    async fn run_preparation(
        &self,
        enclave: &EnclavePublicKey,
        ceremony: Ceremony<Preparation>,
        scope: PreparationScope,
        kind: StartKind,
        client_nonce: [u8; 32],
    ) -> Result<HeldPreparation> {
        let id = preparation_id(&ceremony.execution_id());
        let payload = |messages| StartCeremony {
            version: VERSION,
            kind: kind.clone(),
            client_nonce,
            messages,
        };
        let patience = Some(PRIME_PATIENCE);
        let start = Start { path: "/v1/ceremonies", payload: &payload, patience };
        let finished = self.drive(enclave, ceremony, start).await;
        let finished = self.stop_after_cheating(Some(scope), finished)?;
        let CeremonyResult::Preparation { id: theirs } = finished.server? else {
            return Err(Error::Disagreement("kind of the ceremony"));
        };
        if theirs != id {
            return Err(Error::Disagreement("preparation's id"));
        }
        let half = finished.output;
        let held = HeldPreparation { id, scope, created_at_unix_s: now_unix_s(), half };
        self.home.store_preparation(&held, DurableStep::PreparationMade)?;
        Ok(held)
    }
}

fn begin(execution: ExecutionId, from: Preparing<'_>) -> Result<Ceremony<Preparation>> {
    let roster = binding::roster().map_err(Error::Fault)?;
    prepare(execution, roster, from, &mut OsRng).map_err(Error::Fault)
}
