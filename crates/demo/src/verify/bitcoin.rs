//! Taproot key-path spends: a PSBT (BIP-174, BIP-371) and the BIP-341 signature hash, both
//! serialised by hand; Schnorr verification by libsecp256k1.

use anyhow::{Context, Result, bail, ensure};
use secp256k1::{Scalar, Secp256k1, XOnlyPublicKey, schnorr};
use sha2::{Digest, Sha256};

/// One input that a wallet owns, two outputs.
pub struct Spend {
    /// The owner's untweaked x-only key.
    pub internal_key: [u8; 32],
    /// What the spent output holds.
    pub amount_sat: u64,
    /// Amounts in satoshis and x-only output keys.
    pub outputs: [(u64, [u8; 32]); 2],
}

const SEQUENCE: [u8; 4] = 0xffff_fffdu32.to_le_bytes();
const VERSION: [u8; 4] = 2u32.to_le_bytes();
const LOCK_TIME: [u8; 4] = 0u32.to_le_bytes();

fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = Sha256::digest(tag);
    let mut hash = Sha256::new().chain_update(tag).chain_update(tag);
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn sha(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// The BIP-86 output key: the internal key tweaked with no script tree.
pub fn output_key(internal_key: &[u8; 32]) -> Result<[u8; 32]> {
    let tweak = Scalar::from_be_bytes(tagged("TapTweak", &[internal_key]))?;
    let key = XOnlyPublicKey::from_byte_array(*internal_key)?;
    Ok(key.add_tweak(&Secp256k1::verification_only(), &tweak)?.0.serialize())
}

/// The output key inside a taproot address (BIP-350).
pub fn key_of_address(address: &str) -> Result<[u8; 32]> {
    let (_, version, program) = bech32::segwit::decode(address)?;
    ensure!(version.to_u8() == 1, "not a taproot address");
    program.try_into().ok().context("not a taproot address")
}

impl Spend {
    fn previous(&self) -> [u8; 36] {
        let mut outpoint = [0; 36];
        outpoint[..32].copy_from_slice(&sha(&[b"a coin of the demo"]));
        outpoint
    }

    fn script(key: &[u8; 32]) -> [u8; 34] {
        let mut script = [0; 34];
        script[..2].copy_from_slice(&[0x51, 0x20]);
        script[2..].copy_from_slice(key);
        script
    }

    fn outputs(&self) -> Vec<u8> {
        self.outputs
            .iter()
            .flat_map(|(amount, key)| {
                [&amount.to_le_bytes()[..], &[34], &Self::script(key)].concat()
            })
            .collect()
    }

    fn body(&self) -> Vec<u8> {
        [&[1][..], &self.previous(), &[0], &SEQUENCE, &[2], &self.outputs()].concat()
    }

    /// The PSBT an app would hand to the wallet.
    pub fn psbt(&self) -> Result<Vec<u8>> {
        let unsigned = [&VERSION[..], &self.body(), &LOCK_TIME].concat();
        let owner = Self::script(&output_key(&self.internal_key)?);
        let spent = [&self.amount_sat.to_le_bytes()[..], &[34], &owner].concat();
        let length = u8::try_from(unsigned.len())?;
        ensure!(length < 0xfd, "the length needs more than one byte");
        let mut psbt = b"psbt\xff".to_vec();
        psbt.extend([1, 0x00, length]);
        psbt.extend(&unsigned);
        psbt.push(0);
        psbt.extend([1, 0x01, u8::try_from(spent.len())?]);
        psbt.extend(&spent);
        psbt.extend([1, 0x17, 32]);
        psbt.extend(self.internal_key);
        psbt.extend([0, 0, 0]);
        Ok(psbt)
    }

    /// BIP-341's message for input 0, key path, SIGHASH_DEFAULT.
    fn signature_hash(&self) -> Result<[u8; 32]> {
        let owner = Self::script(&output_key(&self.internal_key)?);
        Ok(tagged(
            "TapSighash",
            &[
                &[0, 0],
                &VERSION,
                &LOCK_TIME,
                &sha(&[&self.previous()]),
                &sha(&[&self.amount_sat.to_le_bytes()]),
                &sha(&[&[34], &owner]),
                &sha(&[&SEQUENCE]),
                &sha(&[&self.outputs()]),
                &[0],
                &0u32.to_le_bytes(),
            ],
        ))
    }

    /// Checks that `raw` is this very spend, signed by the output key.
    pub fn check(&self, raw: &[u8]) -> Result<()> {
        let head = [&VERSION[..], &[0, 1], &self.body()].concat();
        let Some(witness) = raw.strip_prefix(&head[..]) else {
            bail!("another transaction was signed")
        };
        let witness = witness.strip_suffix(&LOCK_TIME).context("another lock time")?;
        let signature = witness.strip_prefix(&[1, 64]).context("not one 64-byte signature")?;
        let signature = schnorr::Signature::from_byte_array(signature.try_into()?);
        let key = XOnlyPublicKey::from_byte_array(output_key(&self.internal_key)?)?;
        Secp256k1::verification_only()
            .verify_schnorr(&signature, &self.signature_hash()?, &key)
            .context("the signature does not verify")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_key_is_that_of_bip_86() {
        // BIP-86, first receiving address of the test vectors.
        let internal: [u8; 32] =
            hex::decode("cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115")
                .unwrap()
                .try_into()
                .unwrap();
        let address = "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr";
        assert_eq!(output_key(&internal).unwrap(), key_of_address(address).unwrap());
    }

    #[test]
    fn a_changed_amount_is_noticed() {
        let spend = Spend {
            internal_key: output_key(&[2; 32]).unwrap(),
            amount_sat: 5,
            outputs: [(1, [3; 32]), (2, [4; 32])],
        };
        assert!(spend.check(&spend.psbt().unwrap()).is_err());
    }
}
