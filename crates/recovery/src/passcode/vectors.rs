//! RFC 9807 appendix C.1.1 and C.1.2 through the library, with the suite of this module but for the
//! key stretching, which the vectors leave out; and that stretching by itself against RFC 9106
//! section 5.3 and values of the reference implementation.

use super::Stretching;
use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use opaque_ke::ksf::{Identity, Ksf};
use opaque_ke::{
    CipherSuite, ClientLogin, ClientLoginFinishParameters, ClientRegistration,
    ClientRegistrationFinishParameters, Identifiers, Ristretto255, ServerLogin,
    ServerLoginParameters, ServerRegistration, ServerSetup, TripleDh,
};
use rand_core::{CryptoRng, Error, RngCore, impls};
use sha2::Sha512;
use std::collections::BTreeMap;

struct WithoutStretching;

impl CipherSuite for WithoutStretching {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, Sha512>;
    type Ksf = Identity;
}

/// Gives out a vector's random inputs, in the order the library draws them.
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

/// A scalar as the library draws it: 64 bytes, reduced.
const WIDE: [u8; 32] = [0; 32];
/// What the library draws for a record that does not exist, before it looks whether one does.
const UNUSED: [u8; 64] = [0; 64];

fn run(vector: &BTreeMap<&str, Vec<u8>>) {
    let get = |name: &str| vector[name].as_slice();
    let optional = |name: &str| vector.get(name).map(Vec::as_slice);
    let identifiers =
        Identifiers { client: optional("client_identity"), server: optional("server_identity") };
    let (password, id, context) = (get("password"), get("credential_identifier"), b"OPAQUE-POC");
    let setup: ServerSetup<WithoutStretching> = ServerSetup::deserialize(
        &[get("oprf_seed"), get("server_private_key"), get("server_public_key")].concat(),
    )
    .unwrap();

    let mut rng = Fixed([get("blind_registration"), &WIDE, get("envelope_nonce")].concat());
    let client = ClientRegistration::start(&mut rng, password).unwrap();
    assert_eq!(client.message.serialize().as_slice(), get("registration_request"));
    let server = ServerRegistration::start(&setup, client.message, id).unwrap();
    assert_eq!(server.message.serialize().as_slice(), get("registration_response"));
    let parameters = ClientRegistrationFinishParameters::new(identifiers, None);
    let client = client.state.finish(&mut rng, password, server.message, parameters).unwrap();
    assert_eq!(client.message.serialize().as_slice(), get("registration_upload"));
    assert_eq!(client.export_key.as_slice(), get("export_key"));
    let record = ServerRegistration::finish(client.message);

    let mut rng = Fixed(
        [get("blind_login"), &WIDE, get("client_keyshare_seed"), get("client_nonce")].concat(),
    );
    let client = ClientLogin::<WithoutStretching>::start(&mut rng, password).unwrap();
    assert_eq!(client.message.serialize().as_slice(), get("KE1"));
    let drawn =
        [&UNUSED, get("masking_nonce"), get("server_keyshare_seed"), get("server_nonce")].concat();
    let parameters = ServerLoginParameters { context: Some(context), identifiers };
    let server = ServerLogin::start(
        &mut Fixed(drawn),
        &setup,
        Some(record),
        client.message,
        id,
        parameters.clone(),
    )
    .unwrap();
    assert_eq!(server.message.serialize().as_slice(), get("KE2"));
    let finish = ClientLoginFinishParameters::new(Some(context), identifiers, None);
    let client = client.state.finish(&mut rng, password, server.message, finish).unwrap();
    assert_eq!(client.message.serialize().as_slice(), get("KE3"));
    assert_eq!(client.export_key.as_slice(), get("export_key"));
    assert_eq!(client.session_key.as_slice(), get("session_key"));
    let server = server.state.finish(client.message, parameters).unwrap();
    assert_eq!(server.session_key.as_slice(), get("session_key"));
}

#[test]
fn both_ends_give_the_bytes_of_rfc_9807() {
    let text = include_str!("rfc9807-c1.txt");
    let mut vectors: Vec<BTreeMap<&str, String>> = Vec::new();
    let mut name = "";
    for line in text.lines() {
        let value = match line.split_once(": ") {
            Some(("vector", _)) => {
                vectors.push(BTreeMap::new());
                continue;
            }
            Some((field, value)) => {
                name = field;
                value
            }
            None => line,
        };
        vectors.last_mut().unwrap().entry(name).or_default().push_str(value);
    }
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        run(&vector.into_iter().map(|(name, value)| (name, hex::decode(value).unwrap())).collect());
    }
}

#[test]
fn argon2id_gives_the_tag_of_rfc_9106() {
    let params = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(AssociatedData::new(&[4; 12]).unwrap())
        .build()
        .unwrap();
    let argon2 =
        Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).unwrap();
    let mut tag = [0; 32];
    argon2.hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
    let expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";
    assert_eq!(hex::encode(tag), expected);
}

/// Expected values by the reference implementation in C (argon2-cffi 25.1.0): the OPRF's output
/// 00 01 … 3f, salt of 16 zero bytes, 64 bytes of output.
#[test]
fn stretching_gives_the_released_values() {
    let of = |stretching: Stretching| {
        let oprf_output: [u8; 64] = std::array::from_fn(|at| at as u8);
        hex::encode(stretching.argon2().hash(oprf_output.into()).unwrap())
    };
    assert_eq!(of(Stretching::default()), DEFAULT);
    assert_eq!(of(Stretching::new(19 * 1024, 2, 1).unwrap()), FLOOR);
}

const DEFAULT: &str = "97076ac1d2e29b8f16f2af338d9f0e63a0d078c2b3cce12024bc7ecdd3cbc2d4\
    b4dcb53de561c257004dc2d756cd8abcac4efc7b764b385fd8f624d7aa447a22";
const FLOOR: &str = "c0861792b1201a4dba8cda5280f23a5679c981332c43183826a6a04ece581169\
    b0615eb9c12d1b03afdf6d39813054f1e36fd091d549e27bd306e1411bba7fdf";
