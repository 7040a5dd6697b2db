//! Turns a request and its signature into what is sent or shown.

use crate::{
    MessageError, Scheme, SignRequest, SignatureParts, ToSign, btc, ethereum,
    public_key::PublicKey, solana,
};

/// What the bytes of a [`SignedOutput`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// A raw signed transaction, as `eth_sendRawTransaction` takes it.
    EthereumTransaction,
    /// 65 bytes: r, s, and v of 27 or 28.
    EthereumSignature,
    /// A consensus-encoded transaction with witnesses.
    BitcoinTransaction,
    /// A PSBT of version 0 in binary, the signed input finalised, others still open.
    BitcoinPsbt,
    /// Signatures and message, as `sendTransaction` takes it.
    SolanaTransaction,
    /// 64 bytes (BIP-340).
    Bip340Signature,
    /// 64 bytes (RFC 8032).
    Ed25519Signature,
}

impl Encoding {
    /// The encoding's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EthereumTransaction => "ethereum-transaction",
            Self::EthereumSignature => "ethereum-signature",
            Self::BitcoinTransaction => "bitcoin-transaction",
            Self::BitcoinPsbt => "bitcoin-psbt",
            Self::SolanaTransaction => "solana-transaction",
            Self::Bip340Signature => "bip340-signature",
            Self::Ed25519Signature => "ed25519-signature",
        }
    }
}

/// The outcome of signing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOutput {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What they are.
    pub encoding: Encoding,
    /// The name under which the chain knows the transaction, once no signature is missing: Ethereum
    /// transaction hash, Bitcoin txid, Solana's first signature.
    pub id: Option<String>,
    /// How many inputs or signers have not signed yet.
    pub signatures_missing: u32,
}

impl SignRequest {
    /// Puts a signature of what [`decode`](Self::decode) yields where it belongs, after verifying it.
    ///
    /// # Errors
    /// Those of [`decode`](Self::decode), [`MessageError::SignatureScheme`] and
    /// [`MessageError::SignatureInvalid`].
    pub fn assemble(
        &self,
        scheme: Scheme,
        public_key: &[u8],
        signature: &SignatureParts,
    ) -> Result<SignedOutput, MessageError> {
        let to_sign = self.decode(scheme, public_key)?.to_sign;
        to_sign.verify(public_key, signature)?;
        let key = PublicKey::parse(scheme, public_key)?;
        match (self, &key) {
            (Self::EthereumTransaction { unsigned }, _) => {
                ethereum::transaction::assemble(unsigned, &signature.ecdsa()?)
            }
            (Self::BitcoinPsbt { psbt, input, .. }, key) => {
                btc::Spend::from_psbt(psbt, *input, key)?.assemble(signature)
            }
            (Self::BitcoinTransaction { unsigned, spent, input, .. }, key) => {
                btc::Spend::from_transaction(unsigned, spent, *input, key)?.assemble(signature)
            }
            (Self::SolanaMessage { message }, PublicKey::Eddsa(key)) => {
                solana::assemble(message, key, signature.eddsa()?)
            }
            _ => detached(&to_sign, signature),
        }
    }
}

/// The signature alone, for texts, typed data and raw bytes.
fn detached(to_sign: &ToSign, signature: &SignatureParts) -> Result<SignedOutput, MessageError> {
    let (bytes, encoding) = match to_sign {
        ToSign::EcdsaPrehash(_) => {
            let signature = signature.ecdsa()?;
            let mut bytes = signature.compact().to_vec();
            bytes.push(27 + signature.recovery_id);
            (bytes, Encoding::EthereumSignature)
        }
        ToSign::Bip340 { .. } => {
            (signature.bip340()?.serialize().to_vec(), Encoding::Bip340Signature)
        }
        ToSign::Eddsa(_) => (signature.eddsa()?.to_vec(), Encoding::Ed25519Signature),
    };
    Ok(SignedOutput { bytes, encoding, id: None, signatures_missing: 0 })
}
