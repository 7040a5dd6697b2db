//! The request: what a user wants signed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    BitcoinNetwork, Bytes, Description, MessageError, Scheme, SpentOutput, ToSign, btc, ethereum,
    public_key::PublicKey, raw, solana,
};

/// Most bytes of a message, after which nothing is parsed. Room for a PSBT with some previous
/// transactions; all else is far smaller.
pub const MAX_MESSAGE_BYTES: usize = 128 * 1024;

/// What is to be signed: always the whole message, never its hash.
///
/// In serde an externally tagged enum with kebab-case tags that refuses unknown fields; a changed
/// meaning gets a new tag.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum SignRequest {
    /// An Ethereum transaction.
    EthereumTransaction {
        /// The bytes whose Keccak-256 hash is signed: `0x02 ‖ rlp([…9])` (EIP-1559),
        /// `0x01 ‖ rlp([…8])` (EIP-2930), or `rlp([…6, chainId, 0, 0])` (EIP-155).
        unsigned: Bytes,
    },
    /// A text, signed as EIP-191 version `E` ("personal message").
    EthereumText {
        /// The text.
        text: String,
    },
    /// EIP-712 typed data.
    EthereumTypedData {
        /// The object with `types`, `primaryType`, `domain` and `message`, as JSON.
        json: String,
        /// The chain that the user means. The domain must name the same.
        chain_id: u64,
    },
    /// One input of a PSBT of version 0 (BIP-174, BIP-371).
    BitcoinPsbt {
        /// The PSBT in binary.
        psbt: Bytes,
        /// Index of the input to sign.
        input: u32,
        /// How to write addresses. A Bitcoin transaction itself names no network.
        network: BitcoinNetwork,
    },
    /// One input of a Bitcoin transaction.
    BitcoinTransaction {
        /// The transaction, consensus-encoded; other inputs may already have witnesses.
        unsigned: Bytes,
        /// The output that each input spends, in the order of the inputs.
        spent: Vec<SpentOutput>,
        /// Index of the input to sign.
        input: u32,
        /// How to write addresses. A Bitcoin transaction itself names no network.
        network: BitcoinNetwork,
    },
    /// A Solana message, legacy or version 0.
    SolanaMessage {
        /// The serialised message, without signatures.
        message: Bytes,
    },
    /// Other bytes, signed under a prefix of ours. Bytes that are a transaction are refused.
    ///
    /// ECDSA: EIP-191. BIP-340: tagged hash with [`RAW_BIP340_TAG`](crate::RAW_BIP340_TAG), key not
    /// tweaked. Ed25519: after [`RAW_EDDSA_HEADER`](crate::RAW_EDDSA_HEADER).
    Raw {
        /// The bytes.
        bytes: Bytes,
    },
}

/// The kind of a [`SignRequest`]. Written as its [`as_str`](Self::as_str) name in serde.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MessageKind {
    /// An Ethereum transaction.
    EthereumTransaction,
    /// An EIP-191 text.
    EthereumText,
    /// EIP-712 typed data.
    EthereumTypedData,
    /// An input of a PSBT.
    BitcoinPsbt,
    /// An input of a Bitcoin transaction.
    BitcoinTransaction,
    /// A Solana message.
    SolanaMessage,
    /// Other bytes.
    Raw,
}

impl MessageKind {
    /// The kind's name: the tag of the request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EthereumTransaction => "ethereum-transaction",
            Self::EthereumText => "ethereum-text",
            Self::EthereumTypedData => "ethereum-typed-data",
            Self::BitcoinPsbt => "bitcoin-psbt",
            Self::BitcoinTransaction => "bitcoin-transaction",
            Self::SolanaMessage => "solana-message",
            Self::Raw => "raw",
        }
    }

    /// Whether messages of this kind are signed with keys of this scheme.
    pub fn fits(self, scheme: Scheme) -> bool {
        match self {
            Self::EthereumTransaction | Self::EthereumText | Self::EthereumTypedData => {
                scheme == Scheme::EcdsaSecp256k1
            }
            Self::BitcoinPsbt | Self::BitcoinTransaction => {
                matches!(scheme, Scheme::EcdsaSecp256k1 | Scheme::SchnorrBip340)
            }
            Self::SolanaMessage => scheme == Scheme::EddsaEd25519,
            Self::Raw => true,
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Shows the kind only: what users sign is not for logs.
impl fmt::Debug for SignRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignRequest({})", self.kind())
    }
}

/// A request that was decoded: what to show, and what to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The kind of the request.
    pub kind: MessageKind,
    /// What it says, in words.
    pub description: Description,
    /// What the key signs.
    pub to_sign: ToSign,
}

impl SignRequest {
    /// The request's kind.
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::EthereumTransaction { .. } => MessageKind::EthereumTransaction,
            Self::EthereumText { .. } => MessageKind::EthereumText,
            Self::EthereumTypedData { .. } => MessageKind::EthereumTypedData,
            Self::BitcoinPsbt { .. } => MessageKind::BitcoinPsbt,
            Self::BitcoinTransaction { .. } => MessageKind::BitcoinTransaction,
            Self::SolanaMessage { .. } => MessageKind::SolanaMessage,
            Self::Raw { .. } => MessageKind::Raw,
        }
    }

    /// Decodes the message, describes it, and computes what a wallet's key signs.
    ///
    /// `public_key` is the wallet's: SEC1 of 33 or 65 bytes for ECDSA, x-only of 32 or SEC1 of 33
    /// bytes for BIP-340 (before any tweak), 32 bytes for Ed25519. The key must be able to sign the
    /// message: the Bitcoin input must be its own, the Solana message must require it as a signer.
    ///
    /// # Errors
    /// Every [`MessageError`] but those about signatures.
    pub fn decode(&self, scheme: Scheme, public_key: &[u8]) -> Result<Decoded, MessageError> {
        let kind = self.kind();
        if !kind.fits(scheme) {
            return Err(MessageError::KindUnfitForScheme { kind, scheme });
        }
        self.check_size()?;
        let key = PublicKey::parse(scheme, public_key)?;
        let (description, to_sign) = match (self, &key) {
            (Self::EthereumTransaction { unsigned }, PublicKey::Ecdsa(key)) => {
                ethereum::transaction::decode(unsigned, key)?
            }
            (Self::EthereumText { text }, PublicKey::Ecdsa(key)) => {
                ethereum::text::decode(text, key)
            }
            (Self::EthereumTypedData { json, chain_id }, PublicKey::Ecdsa(key)) => {
                ethereum::typed_data::decode(json, *chain_id, key)?
            }
            (Self::BitcoinPsbt { psbt, input, network }, key) => {
                btc::Spend::from_psbt(psbt, *input, key)?.decode(*network)?
            }
            (Self::BitcoinTransaction { unsigned, spent, input, network }, key) => {
                btc::Spend::from_transaction(unsigned, spent, *input, key)?.decode(*network)?
            }
            (Self::SolanaMessage { message }, PublicKey::Eddsa(key)) => {
                solana::decode(message, key)?
            }
            (Self::Raw { bytes }, _) => raw::decode(bytes, scheme)?,
            _ => return Err(MessageError::KindUnfitForScheme { kind, scheme }),
        };
        Ok(Decoded { kind, description, to_sign })
    }

    fn check_size(&self) -> Result<(), MessageError> {
        let size = match self {
            Self::EthereumTransaction { unsigned: bytes }
            | Self::BitcoinPsbt { psbt: bytes, .. }
            | Self::SolanaMessage { message: bytes }
            | Self::Raw { bytes } => bytes.len(),
            Self::BitcoinTransaction { unsigned, spent, .. } => {
                spent.iter().fold(unsigned.len(), |size, spent| size + spent.script_pubkey.len())
            }
            Self::EthereumText { text } | Self::EthereumTypedData { json: text, .. } => text.len(),
        };
        if size > MAX_MESSAGE_BYTES {
            return Err(MessageError::TooLarge { what: "the message", limit: MAX_MESSAGE_BYTES });
        }
        Ok(())
    }
}
