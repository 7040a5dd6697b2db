//! EIP-1559 transfers: EIP-2718 type 2, RLP by the `rlp` crate, recovery by libsecp256k1.

use anyhow::{Context, Result, ensure};
use rlp::{Rlp, RlpStream};
use secp256k1::{Message, Secp256k1, ecdsa};
use sha3::{Digest, Keccak256};

/// A transfer as the app wants it.
pub struct Transfer {
    /// EIP-155.
    pub chain_id: u64,
    /// Transactions that the sender made before.
    pub nonce: u64,
    /// The receiver.
    pub to: [u8; 20],
    /// The amount.
    pub value_wei: u128,
}

impl Transfer {
    const TIP_WEI: u64 = 1_000_000_000;
    const MAX_FEE_WEI: u64 = 30_000_000_000;
    const GAS: u64 = 21_000;

    fn append_fields(&self, rlp: &mut RlpStream) {
        rlp.append(&self.chain_id).append(&self.nonce);
        rlp.append(&Self::TIP_WEI).append(&Self::MAX_FEE_WEI).append(&Self::GAS);
        rlp.append(&self.to.as_slice()).append(&self.value_wei).append_empty_data();
        rlp.begin_list(0);
    }

    /// `0x02 ‖ rlp(9 fields)`, what is signed.
    pub fn unsigned(&self) -> Vec<u8> {
        let mut rlp = RlpStream::new_list(9);
        self.append_fields(&mut rlp);
        [&[2][..], &rlp.out()].concat()
    }
}

/// The EIP-55 address of the key that signed `raw`, after checking that it signed `wanted`.
pub fn sender_of(raw: &[u8], wanted: &Transfer) -> Result<String> {
    ensure!(raw.first() == Some(&2), "not a type 2 transaction");
    let fields = Rlp::new(&raw[1..]);
    ensure!(fields.item_count()? == 12, "not 12 fields");
    let parity: u8 = fields.val_at(9)?;
    let mut signature = [0; 64];
    for (index, half) in [(10, 0), (11, 32)] {
        let bytes: Vec<u8> = fields.val_at(index)?;
        ensure!(bytes.len() <= 32, "r or s is too long");
        signature[half + 32 - bytes.len()..half + 32].copy_from_slice(&bytes);
    }
    let mut expected = RlpStream::new_list(12);
    wanted.append_fields(&mut expected);
    for index in 9..12 {
        expected.append_raw(fields.at(index)?.as_raw(), 1);
    }
    ensure!(raw[1..] == expected.out(), "another transaction was signed");

    let digest: [u8; 32] = Keccak256::digest(wanted.unsigned()).into();
    let recovery = ecdsa::RecoveryId::try_from(i32::from(parity))?;
    let signature = ecdsa::RecoverableSignature::from_compact(&signature, recovery)?;
    let mut low = signature.to_standard();
    low.normalize_s();
    ensure!(low == signature.to_standard(), "s is not in its lower half (EIP-2)");
    let key = Secp256k1::new()
        .recover_ecdsa(Message::from_digest(digest), &signature)
        .context("no key recovers")?;
    let hash = Keccak256::digest(&key.serialize_uncompressed()[1..]);
    Ok(checksummed(hash[12..].try_into().context("20 bytes of a hash")?))
}

/// EIP-55.
fn checksummed(address: [u8; 20]) -> String {
    let lower = hex::encode(address);
    let hash = hex::encode(Keccak256::digest(lower.as_bytes()));
    let mixed = lower.chars().zip(hash.chars()).map(|(c, h)| {
        if h.to_digit(16).is_some_and(|d| d >= 8) { c.to_ascii_uppercase() } else { c }
    });
    std::iter::once('0').chain(std::iter::once('x')).chain(mixed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checksummed_as_in_eip_55() {
        let text = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        let bytes = hex::decode(text[2..].to_lowercase()).unwrap().try_into().unwrap();
        assert_eq!(checksummed(bytes), text);
    }
}
