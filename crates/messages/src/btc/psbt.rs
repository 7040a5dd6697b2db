//! Reading a PSBT (BIP-174 version 0, taproot fields of BIP-371).

use bitcoin::{
    EcdsaSighashType, OutPoint, TapSighashType, TxOut,
    psbt::{Input, Psbt},
};

use super::{
    MAX_INPUTS,
    spend::{Path, Spend, own},
};
use crate::{MessageError, public_key::PublicKey};

impl Spend {
    /// Reads a PSBT. Every input must say what it spends.
    pub(crate) fn from_psbt(
        bytes: &[u8],
        input: u32,
        key: &PublicKey,
    ) -> Result<Self, MessageError> {
        let mut rest = bytes;
        let psbt = Psbt::deserialize_from_reader(&mut rest)
            .map_err(|_| MessageError::BitcoinTransaction("not a psbt of version 0"))?;
        if !rest.is_empty() {
            return Err(MessageError::BitcoinTransaction("trailing bytes"));
        }
        if psbt.inputs.len() > MAX_INPUTS {
            return Err(MessageError::TooLarge { what: "the list of inputs", limit: MAX_INPUTS });
        }
        let mut spent = Vec::with_capacity(psbt.inputs.len());
        let mut proven = Vec::with_capacity(psbt.inputs.len());
        for (index, (txin, fields)) in psbt.unsigned_tx.input.iter().zip(&psbt.inputs).enumerate() {
            let index = u32::try_from(index).map_err(|_| MessageError::InputOutOfRange(input))?;
            spent.push(spent_output(index, txin.previous_output, fields)?);
            proven.push(fields.non_witness_utxo.is_some());
        }
        let fields = psbt.inputs.get(input as usize).ok_or(MessageError::InputOutOfRange(input))?;
        let path = path(input, fields, key)?;
        let spend = Self {
            transaction: psbt.unsigned_tx.clone(),
            spent,
            input: input as usize,
            path,
            own_script: own(key)?,
            psbt: Some(psbt),
        };
        spend.checked(input, &proven)
    }
}

/// The output that an input spends, on whose every statement the fields agree.
fn spent_output(index: u32, outpoint: OutPoint, fields: &Input) -> Result<TxOut, MessageError> {
    let from_previous = match &fields.non_witness_utxo {
        Some(previous) => {
            if previous.compute_txid() != outpoint.txid {
                return Err(MessageError::SpentOutputConflict(index));
            }
            let output = previous
                .tx_out(outpoint.vout as usize)
                .map_err(|_| MessageError::SpentOutputConflict(index))?;
            Some(output)
        }
        None => None,
    };
    match (from_previous, &fields.witness_utxo) {
        (Some(previous), Some(stated)) if previous != stated => {
            Err(MessageError::SpentOutputConflict(index))
        }
        (Some(output), _) | (None, Some(output)) => Ok(output.clone()),
        (None, None) => Err(MessageError::SpentOutputMissing(index)),
    }
}

/// How the key spends the input, if nothing in the input speaks against it.
fn path(index: u32, fields: &Input, key: &PublicKey) -> Result<Path, MessageError> {
    let signed = fields.final_script_sig.is_some()
        || fields.final_script_witness.is_some()
        || fields.tap_key_sig.is_some()
        || !fields.partial_sigs.is_empty();
    if signed {
        return Err(MessageError::AlreadySigned);
    }
    if fields.redeem_script.is_some() || fields.witness_script.is_some() {
        return Err(MessageError::NotOurInput(index));
    }
    match key {
        PublicKey::Bip340(internal) => {
            // A script tree would make another output key than BIP-86's.
            if fields.tap_merkle_root.is_some()
                || !fields.tap_scripts.is_empty()
                || fields.tap_internal_key.is_some_and(|stated| stated != *internal)
            {
                return Err(MessageError::NotOurInput(index));
            }
            match fields.sighash_type.map(|stated| stated.taproot_hash_ty()) {
                None | Some(Ok(TapSighashType::Default)) => {
                    Ok(Path::Taproot(TapSighashType::Default))
                }
                Some(Ok(TapSighashType::All)) => Ok(Path::Taproot(TapSighashType::All)),
                _ => Err(MessageError::SighashType),
            }
        }
        PublicKey::Ecdsa(key) => match fields.sighash_type.map(|stated| stated.ecdsa_hash_ty()) {
            None | Some(Ok(EcdsaSighashType::All)) => {
                Ok(Path::Segwit(bitcoin::PublicKey::new(*key)))
            }
            _ => Err(MessageError::SighashType),
        },
        PublicKey::Eddsa(_) => Err(MessageError::PublicKey),
    }
}
