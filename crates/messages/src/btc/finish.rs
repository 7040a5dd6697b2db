//! Puts a signature into the input it is for.

use bitcoin::{
    EcdsaSighashType, Transaction, TxIn, Witness, consensus::serialize, ecdsa, psbt::Psbt, taproot,
};

use super::spend::{Path, Spend};
use crate::{Encoding, MessageError, SignatureParts, SignedOutput};

impl Spend {
    /// The PSBT with the input finalised, or the transaction: always for a bare one, and for a PSBT
    /// once no input is open.
    pub(crate) fn assemble(
        mut self,
        signature: &SignatureParts,
    ) -> Result<SignedOutput, MessageError> {
        let witness = self.witness(signature)?;
        match self.psbt.take() {
            Some(psbt) => finish_psbt(psbt, self.input, witness),
            None => {
                self.transaction.input[self.input].witness = witness;
                Ok(finished(&self.transaction))
            }
        }
    }

    fn witness(&self, signature: &SignatureParts) -> Result<Witness, MessageError> {
        match self.path {
            Path::Taproot(sighash_type) => {
                let signature = taproot::Signature { signature: signature.bip340()?, sighash_type };
                Ok(Witness::p2tr_key_spend(&signature))
            }
            Path::Segwit(key) => {
                let signature = ecdsa::Signature {
                    signature: signature.ecdsa()?.to_der()?,
                    sighash_type: EcdsaSighashType::All,
                };
                Ok(Witness::p2wpkh(&signature, &key.inner))
            }
        }
    }
}

fn finish_psbt(
    mut psbt: Psbt,
    index: usize,
    witness: Witness,
) -> Result<SignedOutput, MessageError> {
    // BIP-174, input finalizer: only the spent output, the final witness and unknown fields stay.
    let input = std::mem::take(&mut psbt.inputs[index]);
    psbt.inputs[index] = bitcoin::psbt::Input {
        non_witness_utxo: input.non_witness_utxo,
        witness_utxo: input.witness_utxo,
        final_script_witness: Some(witness),
        proprietary: input.proprietary,
        unknown: input.unknown,
        ..Default::default()
    };
    let open = psbt
        .inputs
        .iter()
        .filter(|input| input.final_script_witness.is_none() && input.final_script_sig.is_none())
        .count();
    if open == 0 {
        return Ok(finished(&psbt.extract_tx_unchecked_fee_rate()));
    }
    Ok(SignedOutput {
        bytes: psbt.serialize(),
        encoding: Encoding::BitcoinPsbt,
        id: None,
        signatures_missing: u32::try_from(open).unwrap_or(u32::MAX),
    })
}

fn finished(transaction: &Transaction) -> SignedOutput {
    let is_open = |input: &&TxIn| input.witness.is_empty() && input.script_sig.is_empty();
    let open = transaction.input.iter().filter(is_open).count();
    SignedOutput {
        bytes: serialize(transaction),
        encoding: Encoding::BitcoinTransaction,
        id: (open == 0).then(|| transaction.compute_txid().to_string()),
        signatures_missing: u32::try_from(open).unwrap_or(u32::MAX),
    }
}
