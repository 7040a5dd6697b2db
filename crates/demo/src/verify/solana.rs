//! Solana transfers: a legacy message laid out by hand, Ed25519 by aws-lc.

use anyhow::{Context, Result, ensure};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

/// A transfer of lamports.
pub struct Transfer {
    /// The signer and payer.
    pub from: [u8; 32],
    /// The receiver.
    pub to: [u8; 32],
    /// The amount.
    pub lamports: u64,
    /// A recent one.
    pub blockhash: [u8; 32],
}

/// The key inside an address.
pub fn key_of_address(address: &str) -> Result<[u8; 32]> {
    bs58::decode(address).into_vec()?.try_into().ok().context("not 32 bytes")
}

impl Transfer {
    /// One signer, one read-only program, one instruction: the system program's `Transfer`.
    pub fn message(&self) -> Vec<u8> {
        let mut message = vec![1, 0, 1, 3];
        message.extend(self.from);
        message.extend(self.to);
        message.extend([0; 32]);
        message.extend(self.blockhash);
        message.extend([1, 2, 2, 0, 1, 12]);
        message.extend(2u32.to_le_bytes());
        message.extend(self.lamports.to_le_bytes());
        message
    }

    /// Checks that `raw` is this very transfer, signed by the sender.
    pub fn check(&self, raw: &[u8]) -> Result<()> {
        ensure!(raw.first() == Some(&1) && raw.len() > 65, "not one signature");
        let (signature, message) = raw[1..].split_at(64);
        ensure!(message == self.message(), "another message was signed");
        UnparsedPublicKey::new(&ED25519, self.from)
            .verify(message, signature)
            .ok()
            .context("the signature does not verify")
    }
}
