//! Addresses of public keys.

use bitcoin::{Address, CompressedPublicKey, KnownHrp};

use crate::{
    BitcoinNetwork, MessageError,
    public_key::{bip86_output_key, ethereum_address_of, parse_ed25519, parse_sec1, parse_xonly},
};

/// The Ethereum address of a secp256k1 key (SEC1, 33 or 65 bytes), with the EIP-55 checksum.
///
/// # Errors
/// [`MessageError::PublicKey`] if the key is malformed.
pub fn ethereum_address(public_key: &[u8]) -> Result<String, MessageError> {
    Ok(ethereum_address_of(&parse_sec1(public_key)?).to_checksum(None))
}

/// The taproot address (BIP-86 output key, bech32m) of an internal key (x-only or SEC1 compressed).
///
/// # Errors
/// [`MessageError::PublicKey`] if the key is malformed.
pub fn bitcoin_address(public_key: &[u8], network: BitcoinNetwork) -> Result<String, MessageError> {
    let output_key = bip86_output_key(parse_xonly(public_key)?);
    Ok(Address::p2tr_tweaked(output_key, KnownHrp::from(network)).to_string())
}

/// The P2WPKH address (BIP-84, bech32) of an ECDSA key (SEC1, 33 or 65 bytes).
///
/// # Errors
/// [`MessageError::PublicKey`] if the key is malformed.
pub fn bitcoin_segwit_address(
    public_key: &[u8],
    network: BitcoinNetwork,
) -> Result<String, MessageError> {
    let key = CompressedPublicKey(parse_sec1(public_key)?);
    Ok(Address::p2wpkh(&key, KnownHrp::from(network)).to_string())
}

/// The x-only BIP-86 output key of an internal key (x-only or SEC1 compressed).
///
/// # Errors
/// [`MessageError::PublicKey`] if the key is malformed.
pub fn taproot_output_key(public_key: &[u8]) -> Result<[u8; 32], MessageError> {
    Ok(bip86_output_key(parse_xonly(public_key)?).serialize())
}

/// The Solana address (base58) of an Ed25519 key of 32 bytes.
///
/// # Errors
/// [`MessageError::PublicKey`] if the key is malformed.
pub fn solana_address(public_key: &[u8]) -> Result<String, MessageError> {
    Ok(bs58::encode(parse_ed25519(public_key)?.as_bytes()).into_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ethereum_addresses_match_a_published_key_pair() {
        // "Cow" of the EIP-712 example: private key keccak256("cow"), address
        // 0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826.
        let key = bitcoin::secp256k1::SecretKey::from_slice(&alloy_primitives::keccak256("cow").0)
            .unwrap()
            .public_key(&bitcoin::secp256k1::Secp256k1::new());
        let expected = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826";
        assert_eq!(ethereum_address(&key.serialize()).unwrap(), expected);
        assert_eq!(ethereum_address(&key.serialize_uncompressed()).unwrap(), expected);
    }

    #[test]
    fn taproot_addresses_match_the_bip_86_vectors() {
        // BIP-86, "Test vectors": internal key, output key, address of m/86'/0'/0'/0/0, 0/1, 1/0.
        for (internal, output, address) in [
            (
                "cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115",
                "a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c",
                "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
            ),
            (
                "83dfe85a3151d2517290da461fe2815591ef69f2b18a2ce63f01697a8b313145",
                "a82f29944d65b86ae6b5e5cc75e294ead6c59391a1edc5e016e3498c67fc7bbb",
                "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh",
            ),
            (
                "399f1b2f4393f29a18c937859c5dd8a77350103157eb880f02e8c08214277cef",
                "882d74e5d0572d5a816cef0041a96b6c1de832f6f9676d9605c44d5e9a97d3dc",
                "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7",
            ),
        ] {
            let internal = hex::decode(internal).unwrap();
            assert_eq!(hex::encode(taproot_output_key(&internal).unwrap()), output);
            assert_eq!(bitcoin_address(&internal, BitcoinNetwork::Bitcoin).unwrap(), address);
            for prefix in [2u8, 3] {
                let sec1 = [&[prefix][..], &internal].concat();
                assert_eq!(bitcoin_address(&sec1, BitcoinNetwork::Bitcoin).unwrap(), address);
            }
        }
    }

    #[test]
    fn segwit_addresses_match_the_bip_84_vector() {
        // BIP-84, "Test vectors": m/84'/0'/0'/0/0.
        let key = hex::decode("0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c")
            .unwrap();
        assert_eq!(
            bitcoin_segwit_address(&key, BitcoinNetwork::Bitcoin).unwrap(),
            "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
        );
    }

    #[test]
    fn solana_addresses_are_base58_of_the_key() {
        // RFC 8032 section 7.1, test 1; base58 computed with another implementation (python base58).
        let key = hex::decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
            .unwrap();
        assert_eq!(solana_address(&key).unwrap(), "FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z");
    }

    #[test]
    fn keys_off_the_curve_of_odd_lengths_or_of_small_order_are_refused() {
        assert!(ethereum_address(&[2; 32]).is_err());
        assert!(ethereum_address(&[]).is_err());
        assert!(ethereum_address(&[0xff; 33]).is_err());
        assert!(bitcoin_address(&[0xff; 32], BitcoinNetwork::Bitcoin).is_err());
        assert!(bitcoin_address(&[2; 31], BitcoinNetwork::Bitcoin).is_err());
        assert!(solana_address(&[0; 31]).is_err());
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(solana_address(&identity).is_err());
        let key = hex::decode("0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c")
            .unwrap();
        let mut hybrid = parse_sec1(&key).unwrap().serialize_uncompressed();
        hybrid[0] = 6 + (hybrid[64] & 1);
        assert!(ethereum_address(&hybrid).is_err());
    }
}
