use crate::ids::{CeremonyId, PreparationId, WalletId};
use crate::words::{CeremonyState, Protocol, Scheme};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Starts the key generation of a new wallet (2-of-2: device is party 0, server is party 1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateWallet {
    /// [`super::VERSION`].
    pub version: u8,
    /// Random, chosen by the client; one that exists is refused.
    pub wallet: WalletId,
    /// What its signatures shall be.
    pub scheme: Scheme,
    /// How its parties shall sign.
    pub protocol: Protocol,
    /// The client's half of the execution id's freshness.
    #[serde(with = "serde_bytes")]
    pub client_nonce: [u8; 32],
    /// The client's first protocol messages (CBOR of `sharekeep_mpc::WireMessage`).
    pub messages: Vec<ByteBuf>,
}

/// Starts any other ceremony.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartCeremony {
    /// [`super::VERSION`].
    pub version: u8,
    /// What to start.
    pub kind: StartKind,
    /// The client's half of the execution id's freshness.
    #[serde(with = "serde_bytes")]
    pub client_nonce: [u8; 32],
    /// The client's first protocol messages (CBOR of `sharekeep_mpc::WireMessage`).
    pub messages: Vec<ByteBuf>,
}

/// What a ceremony is started for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum StartKind {
    /// Makes a preparation. `wallet` is named where the protocol prepares per wallet.
    Prepare {
        /// For which protocol.
        protocol: Protocol,
        /// For which wallet.
        wallet: Option<WalletId>,
    },
    /// Makes a signature.
    Sign {
        /// With which wallet.
        wallet: WalletId,
        /// At which epoch; another one is refused.
        epoch: u64,
        /// With which preparation, where the protocol needs one.
        preparation: Option<PreparationId>,
        /// The whole message: CBOR of `sharekeep_messages::SignRequest`. The enclave decodes and
        /// hashes it itself.
        message: ByteBuf,
    },
}

/// Takes a running ceremony on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepCeremony {
    /// [`super::VERSION`].
    pub version: u8,
    /// The number of this step; the start was 1.
    pub step: u32,
    /// The client's protocol messages.
    pub messages: Vec<ByteBuf>,
}

/// The enclave's answer to a start or a step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CeremonyAnswer {
    /// The ceremony; the client computes the same id and compares.
    pub ceremony: CeremonyId,
    /// The step this answers.
    pub step: u32,
    /// All the server can say now.
    pub messages: Vec<ByteBuf>,
    /// Where the server's side stands.
    pub state: CeremonyState,
    /// What came out, once complete.
    pub result: Option<CeremonyResult>,
}

/// What a ceremony brought on the server's side.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CeremonyResult {
    /// A pending wallet; the client stores its share and then activates it.
    Wallet {
        /// The wallet's public key, to compare with the client's own.
        #[serde(with = "serde_bytes")]
        public_key: Vec<u8>,
        /// The enclave's signed receipt.
        #[serde(with = "serde_bytes")]
        receipt: Vec<u8>,
    },
    /// A preparation.
    Preparation {
        /// Its id.
        id: PreparationId,
    },
    /// The server did its part of a signature; the client assembles and verifies it.
    Signed,
}

/// A ceremony was given up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CeremonyAborted {
    /// The ceremony.
    pub ceremony: CeremonyId,
}
