//! RFC 9180 appendix A.2.1 (X25519, HKDF-SHA256, ChaCha20-Poly1305, base mode) through the library
//! and the types this module uses it with.

use super::context::{Adapted, Kdf, Kem};
use hex::FromHex;
use hpke::aead::{AeadCtxR, AeadCtxS, ChaCha20Poly1305};
use hpke::{
    Deserializable, Kem as _, OpModeR, OpModeS, Serializable, setup_receiver, setup_sender_with_rng,
};
use rand_core::{CryptoRng, Error, RngCore, impls};

const INFO: &str = "4f6465206f6e2061204772656369616e2055726e";
const IKM_E: &str = "909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b";
const IKM_R: &str = "1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df";
const PK_R: &str = "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a";
const ENC: &str = "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a";
const PLAINTEXT: &str = "4265617574792069732074727574682c20747275746820626561757479";
const CIPHERTEXTS: [&str; 2] = [
    "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
    "6b53c051e4199c518de79594e1c4ab18b96f081549d45ce015be002090bb119e85285337cc95ba5f59992dc98c",
];
const EXPORTED_FOR_EMPTY_CONTEXT: &str =
    "4bbd6243b8bb54cec311fac9df81841b6fd61f56538a775e7c80a9f40160606e";

fn unhex(text: &str) -> Vec<u8> {
    Vec::from_hex(text).unwrap()
}

/// Gives out the vector's ephemeral key material.
struct Fixed(Vec<u8>);

impl RngCore for Fixed {
    fn next_u32(&mut self) -> u32 {
        impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        let rest = self.0.split_off(out.len());
        out.copy_from_slice(&self.0);
        self.0 = rest;
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Fixed {}

#[test]
fn sender_gives_the_bytes_of_rfc_9180() {
    let pk = <Kem as hpke::Kem>::PublicKey::from_bytes(&unhex(PK_R)).unwrap();
    let mut rng = Fixed(unhex(IKM_E));
    let (enc, mut context): (_, AeadCtxS<ChaCha20Poly1305, Kdf, Kem>) =
        setup_sender_with_rng(&OpModeS::Base, &pk, &unhex(INFO), &mut Adapted(&mut rng)).unwrap();
    assert_eq!(hex::encode(enc.to_bytes()), ENC);
    for (i, ciphertext) in CIPHERTEXTS.iter().enumerate() {
        let sealed = context.seal(&unhex(PLAINTEXT), format!("Count-{i}").as_bytes()).unwrap();
        assert_eq!(hex::encode(sealed), *ciphertext);
    }
    let mut exported = [0; 32];
    context.export(b"", &mut exported).unwrap();
    assert_eq!(hex::encode(exported), EXPORTED_FOR_EMPTY_CONTEXT);
}

#[test]
fn receiver_opens_the_bytes_of_rfc_9180() {
    let (secret, public) = Kem::derive_keypair(&unhex(IKM_R));
    assert_eq!(hex::encode(public.to_bytes()), PK_R);
    let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(&unhex(ENC)).unwrap();
    let mut context: AeadCtxR<ChaCha20Poly1305, Kdf, Kem> =
        setup_receiver(&OpModeR::Base, &secret, &enc, &unhex(INFO)).unwrap();
    for (i, ciphertext) in CIPHERTEXTS.iter().enumerate() {
        let opened = context.open(&unhex(ciphertext), format!("Count-{i}").as_bytes()).unwrap();
        assert_eq!(hex::encode(opened), PLAINTEXT);
    }
}
