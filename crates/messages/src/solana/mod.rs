//! Solana: messages of the legacy format and of version 0.

mod describe;
mod message;
mod wire;

use ed25519_dalek::VerifyingKey;

use self::message::{Message, PACKET_BYTES, SIGNATURE_BYTES};
use crate::{Description, Encoding, MessageError, SignedOutput, ToSign, to_sign::EddsaMessage};

pub(crate) fn decode(
    bytes: &[u8],
    key: &VerifyingKey,
) -> Result<(Description, ToSign), MessageError> {
    let message = Message::parse(bytes)?;
    let signer = message.signer_index(key.as_bytes()).ok_or(MessageError::NotASigner)?;
    let to_sign = ToSign::Eddsa(EddsaMessage::new(bytes.to_vec()));
    Ok((describe::describe(&message, signer), to_sign))
}

/// The transaction: signatures in the order of the signers, absent ones zero, then the message.
pub(crate) fn assemble(
    bytes: &[u8],
    key: &VerifyingKey,
    signature: &[u8; SIGNATURE_BYTES],
) -> Result<SignedOutput, MessageError> {
    let message = Message::parse(bytes)?;
    let signer = message.signer_index(key.as_bytes()).ok_or(MessageError::NotASigner)?;
    let signers = message.signers();
    let mut transaction = Vec::with_capacity(PACKET_BYTES);
    wire::write_compact_u16(&mut transaction, signers);
    for index in 0..usize::from(signers) {
        let absent = [0; SIGNATURE_BYTES];
        transaction.extend_from_slice(if index == signer { signature } else { &absent });
    }
    transaction.extend_from_slice(bytes);
    let missing = u32::from(signers) - 1;
    Ok(SignedOutput {
        bytes: transaction,
        encoding: Encoding::SolanaTransaction,
        id: (missing == 0).then(|| bs58::encode(signature).into_string()),
        signatures_missing: missing,
    })
}

/// Whether these bytes are a message that could be signed.
pub(crate) fn looks_like_message(bytes: &[u8]) -> bool {
    Message::parse(bytes).is_ok()
}

/// Whether these bytes are signatures followed by a message.
pub(crate) fn looks_like_transaction(bytes: &[u8]) -> bool {
    let mut reader = wire::Reader::new(bytes);
    let Ok(signatures) = reader.compact_u16() else { return false };
    let signatures = usize::from(signatures);
    signatures > 0
        && reader.take(signatures * SIGNATURE_BYTES).is_ok()
        && looks_like_message(reader.rest())
}
