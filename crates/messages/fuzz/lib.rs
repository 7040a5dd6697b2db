//! What all fuzz targets do with a request: decode it under a key of every scheme.
//!
//! Run one with `cargo +nightly fuzz run <target> fuzz/corpus/<target> fuzz/seeds/<target>` from the
//! crate's folder.

use sharekeep_messages::{Scheme, SignRequest};

/// The BIP-86 key that the first seed of `bitcoin_psbt` belongs to, also as an ECDSA key.
const SECP256K1: [u8; 33] = [
    0x02, 0xfe, 0x34, 0x90, 0x64, 0xc9, 0x8d, 0x6e, 0x2a, 0x85, 0x3f, 0xa3, 0xc9, 0xb1, 0x2b, 0xd8,
    0xb3, 0x04, 0xa1, 0x9c, 0x19, 0x5c, 0x60, 0xef, 0xa7, 0xee, 0x23, 0x93, 0x04, 0x6d, 0x3f, 0xa2,
    0x32,
];

/// RFC 8032 section 7.1, test 1: the signer of the seeds of `solana_message`.
const ED25519: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
    0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];

/// Decodes under every scheme. What decodes is described in printable lines.
pub fn decode(request: &SignRequest) {
    for scheme in Scheme::ALL {
        let key: &[u8] = match scheme {
            Scheme::EddsaEd25519 => &ED25519,
            Scheme::EcdsaSecp256k1 | Scheme::SchnorrBip340 => &SECP256K1,
        };
        if let Ok(decoded) = request.decode(scheme, key) {
            let lines = decoded.description.lines().len();
            assert_eq!(decoded.description.to_string().lines().count(), lines);
        }
    }
}
