//! Decodes, describes and hashes what is to be signed; nothing else.
//!
//! The same code runs in the enclave and on the client. Both get the *whole message*, both decode
//! it, and both compute for themselves what the key signs. So nobody on the way can show the user
//! one thing and have another signed.
//!
//! # What it trusts
//! Nothing in a request: every byte may be hostile. Sizes are capped before work is done, decoders
//! refuse whatever is not canonical, and nothing panics. It trusts the caller for the public key
//! (the wallet's own) and its libraries for hashing and curve arithmetic. It does no I/O and holds
//! no secret.
//!
//! # What can be signed
//! | request | key | what is signed |
//! |---|---|---|
//! | [`SignRequest::EthereumTransaction`] | `ecdsa-secp256k1` | Keccak-256 of an EIP-1559, EIP-2930 or EIP-155 payload |
//! | [`SignRequest::EthereumText`] | `ecdsa-secp256k1` | EIP-191 version `E` hash |
//! | [`SignRequest::EthereumTypedData`] | `ecdsa-secp256k1` | EIP-712 hash, domain `chainId` checked |
//! | [`SignRequest::BitcoinPsbt`], [`SignRequest::BitcoinTransaction`] | `schnorr-bip340` | BIP-341 key-path sighash, key tweaked as in BIP-86 |
//! | the same | `ecdsa-secp256k1` | BIP-143 sighash of a P2WPKH input |
//! | [`SignRequest::SolanaMessage`] | `eddsa-ed25519` | the message itself |
//! | [`SignRequest::Raw`] | each | the bytes under a prefix of ours, see [`raw`](SignRequest::Raw) |
//!
//! A hash can't be asked for: the payloads of [`ToSign`] have no public constructor.
//!
//! # Decisions
//! * **Raw bytes under Ed25519** get the fixed header [`RAW_EDDSA_HEADER`]. Solana's own off-chain
//!   message format is not used because its version 0 carries text only and is shown by wallets as
//!   text of an application. The first byte, `0xff`, is a Solana message version that does not
//!   exist, so no Solana transaction can begin like that.
//! * **EIP-712** values are read by a strict reader of our own and only then handed to
//!   `alloy-dyn-abi` for encoding: what is described and what is hashed are the same values. Types
//!   that refer to themselves, `null` and missing fields are refused, because implementations differ
//!   on them.
//! * **P2WPKH** commits to the amount of its own input only (BIP-143), so the fee of a transaction
//!   with several inputs could be misreported. Then every input must bring the transaction that it
//!   spends from.
//! * **Solana** messages are read by a small strict decoder of the documented format, checked in
//!   tests against messages that Solana's own crates made. Those crates decode by layout and leave
//!   checks (trailing bytes, longer forms of lengths, accounts named twice) to their callers.
//!
//! # Example
//! ```
//! use sharekeep_messages::{Scheme, SignRequest};
//!
//! # fn main() -> Result<(), sharekeep_messages::MessageError> {
//! let public_key = [0x02; 33]; // the wallet's, SEC1 compressed
//! let request = SignRequest::EthereumText { text: "I own this wallet".into() };
//! let decoded = request.decode(Scheme::EcdsaSecp256k1, &public_key)?;
//! println!("{}", decoded.description);
//! // a ceremony signs decoded.to_sign; request.assemble(…) then makes the bytes to send
//! # Ok(())
//! # }
//! ```

mod address;
mod assemble;
mod btc;
mod bytes;
mod decimal;
mod description;
mod error;
mod ethereum;
mod public_key;
mod raw;
mod request;
mod signature;
mod solana;
mod to_sign;

pub use address::{
    bitcoin_address, bitcoin_segwit_address, ethereum_address, solana_address, taproot_output_key,
};
pub use assemble::{Encoding, SignedOutput};
pub use btc::{BitcoinNetwork, SpentOutput};
pub use bytes::Bytes;
pub use description::{Description, Line};
pub use error::MessageError;
pub use raw::{RAW_BIP340_TAG, RAW_EDDSA_HEADER};
pub use request::{Decoded, MAX_MESSAGE_BYTES, MessageKind, SignRequest};
pub use sharekeep_schemas::Scheme;
pub use signature::SignatureParts;
pub use to_sign::{Bip340Message, EcdsaPrehash, EddsaMessage, TaprootTweak, ToSign};
