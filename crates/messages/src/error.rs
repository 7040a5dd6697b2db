//! The crate's errors.

use crate::{MessageKind, Scheme};

/// Why a request can't be decoded, signed or assembled.
///
/// Messages hold no user data, so they may be shown and logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// This kind of message is not signed with keys of this scheme.
    #[error("a {kind} message is not signed with a {scheme} key")]
    KindUnfitForScheme {
        /// Kind of the request.
        kind: MessageKind,
        /// Scheme of the key.
        scheme: Scheme,
    },
    /// The public key has a wrong length or is not on its curve.
    #[error("the public key is malformed")]
    PublicKey,
    /// Something exceeds its limit; checked before it is parsed further.
    #[error("{what} is over the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, in bytes or in items.
        limit: usize,
    },
    /// An Ethereum transaction is not canonical RLP of a known shape.
    #[error("malformed ethereum transaction: {0}")]
    EthereumTransaction(&'static str),
    /// An EIP-2718 transaction type that is not signed here.
    #[error("ethereum transaction type {0} is not supported")]
    EthereumTransactionType(u8),
    /// A legacy Ethereum transaction without a chain id could be replayed on every chain.
    #[error("the ethereum transaction has no chain id")]
    MissingChainId,
    /// The transaction or the input already carries a signature.
    #[error("the transaction is already signed")]
    AlreadySigned,
    /// EIP-712 data that is malformed or that implementations would read differently.
    #[error("malformed typed data: {0}")]
    TypedData(&'static str),
    /// The domain's `chainId` is not the chain that the caller named.
    #[error("typed data is for chain {found}, not for chain {named}")]
    ChainIdMismatch {
        /// The chain id the caller named.
        named: u64,
        /// The chain id in the domain.
        found: u64,
    },
    /// A Bitcoin transaction or PSBT is malformed.
    #[error("malformed bitcoin transaction: {0}")]
    BitcoinTransaction(&'static str),
    /// The named input does not exist.
    #[error("the transaction has no input {0}")]
    InputOutOfRange(u32),
    /// The spent output of this input is not given, or its number of entries is wrong.
    #[error("the output spent by input {0} is not given")]
    SpentOutputMissing(u32),
    /// `witness_utxo` and `non_witness_utxo`, or the outpoint, contradict each other.
    #[error("what is said about the output spent by input {0} is contradictory")]
    SpentOutputConflict(u32),
    /// The amount of this input is not committed to by the signature and not proven.
    #[error("the amount of input {0} is not proven: its previous transaction is needed")]
    SpentOutputUnproven(u32),
    /// Two inputs spend the same output.
    #[error("two inputs spend the same output")]
    DuplicateInput,
    /// The output spent by the named input can't be spent with this key.
    #[error("input {0} does not belong to this key")]
    NotOurInput(u32),
    /// A sighash type that signs less than the whole transaction.
    #[error("only the sighash types DEFAULT and ALL are signed")]
    SighashType,
    /// An amount or a sum of amounts is out of range.
    #[error("amounts are out of range")]
    AmountOutOfRange,
    /// A Solana message is malformed.
    #[error("malformed solana message: {0}")]
    SolanaMessage(&'static str),
    /// The key is not among the signers that the message requires.
    #[error("this key is not a signer of the message")]
    NotASigner,
    /// Raw bytes that are a transaction must be signed as one, decoded.
    #[error("raw bytes parse as {0}: sign it as what it is")]
    RawIsTransaction(&'static str),
    /// The signature is of another scheme than the key.
    #[error("the signature is of another scheme than the key")]
    SignatureScheme,
    /// The signature is malformed, not low-s, or does not verify.
    #[error("the signature does not verify")]
    SignatureInvalid,
}

impl MessageError {
    /// A stable, machine-readable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::KindUnfitForScheme { .. } => "kind-unfit-for-scheme",
            Self::PublicKey => "public-key-malformed",
            Self::TooLarge { .. } => "message-too-large",
            Self::EthereumTransaction(_) => "ethereum-transaction-malformed",
            Self::EthereumTransactionType(_) => "ethereum-transaction-type",
            Self::MissingChainId => "chain-id-missing",
            Self::AlreadySigned => "already-signed",
            Self::TypedData(_) => "typed-data-malformed",
            Self::ChainIdMismatch { .. } => "chain-id-mismatch",
            Self::BitcoinTransaction(_) => "bitcoin-transaction-malformed",
            Self::InputOutOfRange(_) => "input-out-of-range",
            Self::SpentOutputMissing(_) => "spent-output-missing",
            Self::SpentOutputConflict(_) => "spent-output-conflict",
            Self::SpentOutputUnproven(_) => "spent-output-unproven",
            Self::DuplicateInput => "duplicate-input",
            Self::NotOurInput(_) => "not-our-input",
            Self::SighashType => "sighash-type",
            Self::AmountOutOfRange => "amount-out-of-range",
            Self::SolanaMessage(_) => "solana-message-malformed",
            Self::NotASigner => "not-a-signer",
            Self::RawIsTransaction(_) => "raw-is-transaction",
            Self::SignatureScheme => "signature-scheme",
            Self::SignatureInvalid => "signature-invalid",
        }
    }
}
