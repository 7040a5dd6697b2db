use super::binding::{self, Freshness, Run};
use super::{SignedIn, Start, fresh_nonce, preparation_id};
use crate::clock::now_unix_s;
use crate::home::{HeldPreparation, HeldWallet, PreparationOrigin};
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

/// What one preparation is exchanged for.
struct Exchange {
    kind: StartKind,
    scope: PreparationScope,
    client_nonce: [u8; 32],
    /// `None`: the client's own.
    patience: Option<Duration>,
}

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
        let primes = self.primes(primes).await?;
        self.prepare_pair_with(primes, Some(PRIME_PATIENCE)).await
    }

    /// Makes the device a preparation of its own, if its cggmp24 wallets sign with one that came out
    /// of a backup or have none; `None` if there is nothing to do. For the time after a restore, in
    /// the background: the wallets sign meanwhile, with what came along.
    ///
    /// The old half is replaced in one step once the new one is there; afterwards the backups of all
    /// cggmp24 wallets of this device get the new one. Other devices keep theirs. It may be dropped or
    /// die at any time and be called again. Only if it dies after the enclave has stored its new half
    /// and before this device has, within the last message of the exchange, does the next signature
    /// make a preparation first.
    ///
    /// The enclave is waited for as long as this client's patience lasts.
    ///
    /// # Errors
    /// As [`Self::prepare_pair`]; [`Error::Refused`] with `preparation_not_ready` or `rate_limited`
    /// if it is to be tried later.
    pub async fn refresh_preparation(
        &self,
        primes: Option<PaillierPrimes>,
    ) -> Result<Option<HeldPreparation>> {
        if !self.home.wants_fresh_preparation()? {
            // An earlier call may have come no further than the preparation.
            let refreshed = self.refresh_backups().await?;
            return refreshed.failed.into_values().next().map_or(Ok(None), Err);
        }
        let primes = self.primes(primes).await?;
        self.prepare_pair_with(primes, None).await.map(Some)
    }

    /// The same with a search that was started earlier.
    ///
    /// # Errors
    /// As [`Self::prepare_pair`].
    pub async fn prepare_pair_from(&self, finder: PrimeFinder) -> Result<HeldPreparation> {
        let primes = self.find_primes(finder).await?;
        self.prepare_pair_with(primes, Some(PRIME_PATIENCE)).await
    }

    async fn primes(&self, given: Option<PaillierPrimes>) -> Result<PaillierPrimes> {
        match given {
            Some(primes) => Ok(primes),
            None => self.find_primes(PrimeFinder::start()).await,
        }
    }

    async fn prepare_pair_with(
        &self,
        primes: PaillierPrimes,
        patience: Option<Duration>,
    ) -> Result<HeldPreparation> {
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
        let exchange = Exchange {
            kind: StartKind::Prepare { protocol, wallet: None },
            scope: PreparationScope::Pair(protocol),
            client_nonce,
            patience,
        };
        let held = self.run_preparation(&enclave, ceremony, exchange).await?;
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
            let exchange = Exchange {
                kind: StartKind::Prepare { protocol, wallet: Some(id) },
                scope: PreparationScope::Wallet(id),
                client_nonce,
                patience: None,
            };
            self.run_preparation(&enclave, ceremony, exchange).await
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
        exchange: Exchange,
    ) -> Result<HeldPreparation> {
        let Exchange { kind, scope, client_nonce, patience } = exchange;
        let id = preparation_id(&ceremony.execution_id());
        let payload = |messages| StartCeremony {
            version: VERSION,
            kind: kind.clone(),
            client_nonce,
            messages,
        };
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
        let (created_at_unix_s, origin) = (now_unix_s(), PreparationOrigin::MadeHere);
        let held = HeldPreparation { id, scope, created_at_unix_s, origin, half };
        self.home.store_preparation(&held, DurableStep::PreparationMade)?;
        Ok(held)
    }
}

fn begin(execution: ExecutionId, from: Preparing<'_>) -> Result<Ceremony<Preparation>> {
    let roster = binding::roster().map_err(Error::Fault)?;
    prepare(execution, roster, from, &mut OsRng).map_err(Error::Fault)
}
