//! What each ceremony's execution id is made of; the enclave hashes the same.

use sharekeep_channel::encapsulation::EnclavePublicKey;
use sharekeep_mpc::{ExecutionBinding, ExecutionId, Fault, PartyIndex, Purpose, Roster};
use sharekeep_schemas::{CeremonyId, DeviceId, Protocol, Scheme, WalletId};

/// The device's seat in a 2-of-2 wallet.
pub(crate) const DEVICE: PartyIndex = PartyIndex(0);
/// The enclave's.
const SERVER: PartyIndex = PartyIndex(1);
const PARTIES: [PartyIndex; 2] = [DEVICE, SERVER];
/// Of two.
pub(crate) const THRESHOLD: u16 = 2;
/// The epoch of a new wallet's shares.
pub(crate) const FIRST_EPOCH: u64 = 1;

/// Both sides' freshness.
#[derive(Clone, Copy)]
pub(crate) struct Freshness<'a> {
    pub(crate) client_nonce: &'a [u8; 32],
    /// Its id is the enclave's nonce: it is new at each start of an enclave.
    pub(crate) enclave: &'a EnclavePublicKey,
}

/// What is run.
pub(crate) enum Run<'a> {
    Keygen { wallet: WalletId, scheme: Scheme, protocol: Protocol },
    PreparePair { device: DeviceId, protocol: Protocol },
    PrepareWallet { wallet: WalletId, scheme: Scheme, protocol: Protocol, epoch: u64 },
    Sign { wallet: WalletId, scheme: Scheme, protocol: Protocol, epoch: u64, message: &'a [u8] },
}

/// This device among the two parties.
pub(crate) fn roster() -> Result<Roster, Fault> {
    Roster::new(DEVICE, &PARTIES)
}

pub(crate) fn execution_id(run: &Run<'_>, freshness: Freshness<'_>) -> ExecutionId {
    let (purpose, subject, scheme, protocol, epoch, message): (_, &[u8; 16], _, _, _, &[u8]) =
        match run {
            Run::Keygen { wallet, scheme, protocol } => {
                (Purpose::Keygen, wallet.as_bytes(), *scheme, *protocol, FIRST_EPOCH, &[])
            }
            // A pair's preparation outlives epochs and serves all its ECDSA wallets.
            Run::PreparePair { device, protocol } => {
                (Purpose::Prepare, device.as_bytes(), Scheme::EcdsaSecp256k1, *protocol, 0, &[])
            }
            Run::PrepareWallet { wallet, scheme, protocol, epoch } => {
                (Purpose::Prepare, wallet.as_bytes(), *scheme, *protocol, *epoch, &[])
            }
            Run::Sign { wallet, scheme, protocol, epoch, message } => {
                (Purpose::Sign, wallet.as_bytes(), *scheme, *protocol, *epoch, message)
            }
        };
    ExecutionBinding {
        purpose,
        protocol,
        scheme,
        wallet: subject,
        epoch,
        n: PARTIES.len() as u16,
        t: THRESHOLD,
        parties: &PARTIES,
        path: &[],
        message,
        client_nonce: freshness.client_nonce,
        server_nonce: freshness.enclave.id().as_bytes(),
    }
    .id()
}

/// A ceremony's public name: the first half of its execution id.
pub(crate) fn ceremony_id(execution: &ExecutionId) -> CeremonyId {
    let mut half = [0; CeremonyId::LEN];
    half.copy_from_slice(&execution.as_bytes()[..CeremonyId::LEN]);
    CeremonyId::new(half)
}
