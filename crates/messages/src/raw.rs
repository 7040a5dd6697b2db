//! Other bytes, signed only under a prefix that no transaction can have.

use bitcoin::hashes::{Hash, HashEngine, sha256};

use crate::{
    Description,
    MessageError::{self, RawIsTransaction},
    Scheme, ToSign, btc, ethereum, solana,
    to_sign::{Bip340Message, EcdsaPrehash, EddsaMessage, TaprootTweak},
};

/// Tag of the BIP-340 tagged hash over raw bytes.
pub const RAW_BIP340_TAG: &[u8] = b"sharekeep/raw/v1";

/// What stands before raw bytes that an Ed25519 key signs. See the crate's decisions.
pub const RAW_EDDSA_HEADER: &[u8] = b"\xffsharekeep/raw/v1\n";

/// So many bytes are shown in full; of longer messages the beginning and the SHA-256 hash.
const SHOWN_BYTES: usize = 1024;

/// Describes raw bytes and puts them under the prefix of the key's scheme.
pub(crate) fn decode(bytes: &[u8], scheme: Scheme) -> Result<(Description, ToSign), MessageError> {
    if let Some(transaction) = known_transaction(bytes) {
        return Err(RawIsTransaction(transaction));
    }
    let (prefix, to_sign) = match scheme {
        Scheme::EcdsaSecp256k1 => (
            "EIP-191, as a personal message",
            ToSign::EcdsaPrehash(EcdsaPrehash::new(ethereum::text::eip191_hash(bytes))),
        ),
        Scheme::SchnorrBip340 => (
            "BIP-340 tagged hash \"sharekeep/raw/v1\"",
            ToSign::Bip340 {
                message: Bip340Message::new(tagged_hash(RAW_BIP340_TAG, bytes)),
                tweak: TaprootTweak::None,
            },
        ),
        Scheme::EddsaEd25519 => (
            "header 0xff \"sharekeep/raw/v1\"",
            ToSign::Eddsa(EddsaMessage::new([RAW_EDDSA_HEADER, bytes].concat())),
        ),
    };
    Ok((describe(bytes, prefix), to_sign))
}

fn describe(bytes: &[u8], prefix: &str) -> Description {
    let mut description = Description::default();
    description.add("what", "raw bytes, not a transaction");
    description.add("signed under", prefix);
    description.add("length", format!("{} bytes", bytes.len()));
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.len() <= SHOWN_BYTES => description.add("as text", text),
        _ => {}
    }
    let (shown, rest) = bytes.split_at(bytes.len().min(SHOWN_BYTES));
    description.add("as hex", hex::encode(shown));
    if !rest.is_empty() {
        description.add("not shown", format!("{} more bytes", rest.len()));
        description.add("sha-256", hex::encode(sha256::Hash::hash(bytes).to_byte_array()));
    }
    description
}

/// BIP-340: SHA-256(SHA-256(tag) ‖ SHA-256(tag) ‖ message).
fn tagged_hash(tag: &[u8], message: &[u8]) -> [u8; 32] {
    let tag = sha256::Hash::hash(tag);
    let mut engine = sha256::Hash::engine();
    engine.input(tag.as_byte_array());
    engine.input(tag.as_byte_array());
    engine.input(message);
    sha256::Hash::from_engine(engine).to_byte_array()
}

/// The name of the kind of transaction that these bytes are, of any chain, signed or not.
///
/// The prefixes already make such a signature worthless as a transaction's. Refusing keeps users from
/// being led to sign unread what they would have been shown decoded.
fn known_transaction(bytes: &[u8]) -> Option<&'static str> {
    if ethereum::looks_like_transaction(bytes) {
        Some("an ethereum transaction")
    } else if btc::looks_like_psbt(bytes) {
        Some("a psbt")
    } else if btc::looks_like_transaction(bytes) {
        Some("a bitcoin transaction")
    } else if solana::looks_like_message(bytes) {
        Some("a solana message")
    } else if solana::looks_like_transaction(bytes) {
        Some("a solana transaction")
    } else {
        None
    }
}
