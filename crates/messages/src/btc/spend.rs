//! One input about to be spent: checked against what it spends, and hashed.

use std::collections::BTreeSet;

use bitcoin::{
    Amount, EcdsaSighashType, ScriptBuf, TapSighashType, Transaction, TxOut,
    consensus::{deserialize, serialize},
    hashes::Hash,
    psbt::Psbt,
    sighash::{Prevouts, SighashCache},
};

use super::{BitcoinNetwork, MAX_INPUTS, MAX_OUTPUTS, SpentOutput, describe::describe};
use crate::{
    Description, MessageError, ToSign,
    public_key::{PublicKey, bip86_script, p2wpkh_script},
    to_sign::{Bip340Message, EcdsaPrehash, TaprootTweak},
};

/// How the named input is spent.
#[derive(Clone, Copy)]
pub(super) enum Path {
    /// Taproot key path (BIP-341) with the BIP-86 output key.
    Taproot(TapSighashType),
    /// P2WPKH (BIP-143), SIGHASH_ALL.
    Segwit(bitcoin::PublicKey),
}

/// An input that belongs to the key, in a transaction whose every spent output is known.
pub(crate) struct Spend {
    pub(super) transaction: Transaction,
    /// What each input spends.
    pub(super) spent: Vec<TxOut>,
    /// Index of the input to sign; in range.
    pub(super) input: usize,
    pub(super) path: Path,
    /// The script that the key spends, to tell the wallet's own outputs.
    pub(super) own_script: ScriptBuf,
    /// The PSBT the transaction came in.
    pub(super) psbt: Option<Psbt>,
}

impl Spend {
    /// Reads a bare transaction.
    pub(crate) fn from_transaction(
        unsigned: &[u8],
        spent: &[SpentOutput],
        input: u32,
        key: &PublicKey,
    ) -> Result<Self, MessageError> {
        let transaction: Transaction = deserialize(unsigned)
            .map_err(|_| MessageError::BitcoinTransaction("not a transaction"))?;
        if serialize(&transaction) != unsigned {
            return Err(MessageError::BitcoinTransaction("not canonical"));
        }
        if spent.len() != transaction.input.len() {
            let missing = spent.len().min(transaction.input.len());
            return Err(MessageError::SpentOutputMissing(u32::try_from(missing).unwrap_or(input)));
        }
        if let Some(signed) = transaction.input.get(input as usize)
            && !(signed.script_sig.is_empty() && signed.witness.is_empty())
        {
            return Err(MessageError::AlreadySigned);
        }
        let spent = spent
            .iter()
            .map(|spent| TxOut {
                value: Amount::from_sat(spent.amount_sat),
                script_pubkey: ScriptBuf::from_bytes(spent.script_pubkey.to_vec()),
            })
            .collect();
        let path = match key {
            PublicKey::Bip340(_) => Path::Taproot(TapSighashType::Default),
            PublicKey::Ecdsa(key) => Path::Segwit(bitcoin::PublicKey::new(*key)),
            PublicKey::Eddsa(_) => return Err(MessageError::PublicKey),
        };
        let spend = Self {
            transaction,
            spent,
            input: input as usize,
            path,
            own_script: own(key)?,
            psbt: None,
        };
        let unproven = vec![false; spend.spent.len()];
        spend.checked(input, &unproven)
    }

    /// Checks what is common to bare transactions and PSBTs. `proven` says for each input whether
    /// the transaction that it spends from was shown.
    pub(super) fn checked(self, input: u32, proven: &[bool]) -> Result<Self, MessageError> {
        let transaction = &self.transaction;
        for (what, count, limit) in [
            ("the list of inputs", transaction.input.len(), MAX_INPUTS),
            ("the list of outputs", transaction.output.len(), MAX_OUTPUTS),
        ] {
            if count > limit {
                return Err(MessageError::TooLarge { what, limit });
            }
        }
        if transaction.output.is_empty() {
            return Err(MessageError::BitcoinTransaction("no outputs"));
        }
        let spent = self.spent.get(self.input).ok_or(MessageError::InputOutOfRange(input))?;
        let mut outpoints = BTreeSet::new();
        for txin in &transaction.input {
            if txin.previous_output.is_null() {
                return Err(MessageError::BitcoinTransaction("a coinbase input"));
            }
            if !outpoints.insert(txin.previous_output) {
                return Err(MessageError::DuplicateInput);
            }
        }
        if spent.script_pubkey != self.own_script {
            return Err(MessageError::NotOurInput(input));
        }
        // BIP-143 leaves the other inputs' amounts unsigned: a false one would hide a fee.
        if matches!(self.path, Path::Segwit(_))
            && let Some(unproven) =
                (0..proven.len()).find(|index| *index != self.input && !proven[*index])
        {
            return Err(MessageError::SpentOutputUnproven(
                u32::try_from(unproven).unwrap_or(u32::MAX),
            ));
        }
        self.fee()?;
        Ok(self)
    }

    /// What the inputs bring and the outputs leave over.
    pub(super) fn fee(&self) -> Result<Amount, MessageError> {
        let brought = sum(&self.spent)?;
        let paid = sum(&self.transaction.output)?;
        brought.checked_sub(paid).ok_or(MessageError::AmountOutOfRange)
    }

    /// Describes the whole transaction and hashes it for the input.
    pub(crate) fn decode(
        &self,
        network: BitcoinNetwork,
    ) -> Result<(Description, ToSign), MessageError> {
        Ok((describe(self, network)?, self.to_sign()?))
    }

    fn to_sign(&self) -> Result<ToSign, MessageError> {
        let mut cache = SighashCache::new(&self.transaction);
        match self.path {
            Path::Taproot(sighash_type) => {
                let hash = cache
                    .taproot_key_spend_signature_hash(
                        self.input,
                        &Prevouts::All(&self.spent),
                        sighash_type,
                    )
                    .map_err(|_| MessageError::BitcoinTransaction("no taproot sighash"))?;
                Ok(ToSign::Bip340 {
                    message: Bip340Message::new(hash.to_byte_array()),
                    tweak: TaprootTweak::Bip86KeyPath,
                })
            }
            Path::Segwit(_) => {
                let spent = &self.spent[self.input];
                let hash = cache
                    .p2wpkh_signature_hash(
                        self.input,
                        &spent.script_pubkey,
                        spent.value,
                        EcdsaSighashType::All,
                    )
                    .map_err(|_| MessageError::BitcoinTransaction("no segwit sighash"))?;
                Ok(ToSign::EcdsaPrehash(EcdsaPrehash::new(hash.to_byte_array())))
            }
        }
    }
}

/// The script that a key's outputs have.
pub(super) fn own(key: &PublicKey) -> Result<ScriptBuf, MessageError> {
    match key {
        PublicKey::Bip340(internal) => Ok(bip86_script(*internal)),
        PublicKey::Ecdsa(key) => Ok(p2wpkh_script(key)),
        PublicKey::Eddsa(_) => Err(MessageError::PublicKey),
    }
}

/// The sum of amounts, no part of which may exceed all bitcoin there can be.
pub(super) fn sum<'a>(
    outputs: impl IntoIterator<Item = &'a TxOut>,
) -> Result<Amount, MessageError> {
    outputs
        .into_iter()
        .try_fold(Amount::ZERO, |sum, output| sum.checked_add(output.value))
        .filter(|sum| *sum <= Amount::MAX_MONEY)
        .ok_or(MessageError::AmountOutOfRange)
}

#[cfg(test)]
mod tests {
    use bitcoin::{
        XOnlyPublicKey,
        consensus::encode::deserialize_hex,
        secp256k1::{Message, Secp256k1, schnorr},
    };
    use serde_json::Value;

    use super::*;

    #[test]
    fn sighashes_and_signatures_are_those_of_the_bip_341_wallet_vectors() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/vectors/bip341.json")).unwrap();
        let given = &vectors["keyPathSpending"][0];
        let transaction: Transaction =
            deserialize_hex(given["given"]["rawUnsignedTx"].as_str().unwrap()).unwrap();
        let spent: Vec<TxOut> = given["given"]["utxosSpent"]
            .as_array()
            .unwrap()
            .iter()
            .map(|utxo| TxOut {
                value: Amount::from_sat(utxo["amountSats"].as_u64().unwrap()),
                script_pubkey: ScriptBuf::from_hex(utxo["scriptPubKey"].as_str().unwrap()).unwrap(),
            })
            .collect();
        let mut checked = 0;
        for vector in given["inputSpending"].as_array().unwrap() {
            let sighash_type = match vector["given"]["hashType"].as_u64().unwrap() {
                0 => TapSighashType::Default,
                1 => TapSighashType::All,
                _ => continue,
            };
            let input = vector["given"]["txinIndex"].as_u64().unwrap();
            let own_script = spent[input as usize].script_pubkey.clone();
            let spend = Spend {
                transaction: transaction.clone(),
                spent: spent.clone(),
                input: input as usize,
                path: Path::Taproot(sighash_type),
                own_script: own_script.clone(),
                psbt: None,
            }
            .checked(input as u32, &[])
            .unwrap();
            let to_sign = spend.to_sign().unwrap();
            let expected = vector["intermediary"]["sigHash"].as_str().unwrap();
            assert_eq!(hex::encode(to_sign.bytes()), expected);

            let witness = hex::decode(vector["expected"]["witness"][0].as_str().unwrap()).unwrap();
            Secp256k1::verification_only()
                .verify_schnorr(
                    &schnorr::Signature::from_slice(&witness[..64]).unwrap(),
                    &Message::from_digest(to_sign.bytes().try_into().unwrap()),
                    &XOnlyPublicKey::from_slice(&own_script.as_bytes()[2..]).unwrap(),
                )
                .unwrap();
            let parts = crate::SignatureParts::Bip340(witness[..64].try_into().unwrap());
            let output = spend.assemble(&parts).unwrap();
            let signed: Transaction = bitcoin::consensus::deserialize(&output.bytes).unwrap();
            assert_eq!(signed.input[input as usize].witness.to_vec(), vec![witness]);
            checked += 1;
        }
        assert_eq!(checked, 2);
    }

    #[test]
    fn the_segwit_sighash_is_that_of_the_bip_143_p2wpkh_example() {
        // BIP-143, "Native P2WPKH": the second input, of 6 BTC.
        let transaction: Transaction = deserialize_hex(
            "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000ee\
             ffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffff\
             ff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000\
             001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac11000000",
        )
        .unwrap();
        let key = "025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357";
        let key = PublicKey::parse(crate::Scheme::EcdsaSecp256k1, &hex::decode(key).unwrap());
        let Ok(PublicKey::Ecdsa(key)) = key else { panic!("a point") };
        let output = |value, script_pubkey| TxOut { value: Amount::from_sat(value), script_pubkey };
        let other = ScriptBuf::from_hex(
            "2103c9f4836b9a4f77fc0d81f7bcb01b7f1b35916864b9476c241ce9fc198bd25432ac",
        )
        .unwrap();
        let own_script = p2wpkh_script(&key);
        let spend = |proven: &[bool]| {
            Spend {
                transaction: transaction.clone(),
                spent: vec![
                    output(625_000_000, other.clone()),
                    output(600_000_000, own_script.clone()),
                ],
                input: 1,
                path: Path::Segwit(bitcoin::PublicKey::new(key)),
                own_script: own_script.clone(),
                psbt: None,
            }
            .checked(1, proven)
        };
        assert_eq!(
            hex::encode(spend(&[true, false]).unwrap().to_sign().unwrap().bytes()),
            "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"
        );
        assert!(spend(&[false, true]).is_err());
    }
}
