//! The device's side of ceremonies.

use super::client::{decode_messages, encode_messages};
use super::{Client, World};
use rand_core::{OsRng, RngCore};
use serde::Serialize;
use serde_bytes::ByteBuf;
use sharekeep_messages::{Bytes, SignRequest};
use sharekeep_mpc::safe_prime::PaillierPrimes;
use sharekeep_mpc::{
    Ceremony, ExecutionBinding, ExecutionId, KeyShare, PartyIndex, Preparation, Preparing, Purpose,
    Roster, Signed, keygen, prepare, sign,
};
use sharekeep_schemas::sealed::{
    ActivateWallet, CeremonyAnswer, CeremonyResult, CreateWallet, StartCeremony, StartKind,
    StepCeremony, WalletChanged,
};
use sharekeep_schemas::{
    CeremonyId, CeremonyState, PreparationId, ProblemCode, Protocol, Scheme, WalletId,
};

pub(crate) const PARTIES: [PartyIndex; 2] = [PartyIndex(0), PartyIndex(1)];

/// Five sets of published test primes of `sharekeep-mpc`.
static TEST_PRIMES: &[u8] =
    include_bytes!("../../../../crates/mpc/tests/fixtures/not-secret-test-primes.bin");

pub(crate) fn test_primes(set: usize) -> PaillierPrimes {
    let size = TEST_PRIMES.len() / 5;
    PaillierPrimes::from_sealed_bytes(&TEST_PRIMES[set * size..][..size]).unwrap()
}

/// A wallet as the device holds it.
pub(crate) struct Held {
    pub(crate) id: WalletId,
    pub(crate) protocol: Protocol,
    pub(crate) share: KeyShare,
    pub(crate) prepared: Option<(PreparationId, Preparation)>,
}

pub(crate) fn nonce() -> [u8; 32] {
    let mut nonce = [0; 32];
    OsRng.fill_bytes(&mut nonce);
    nonce
}

pub(crate) fn roster() -> Roster {
    Roster::new(PARTIES[0], &PARTIES).unwrap()
}

/// The execution id as the client computes it.
pub(crate) fn execution(
    world: &World,
    purpose: Purpose,
    (scheme, protocol): (Scheme, Protocol),
    (subject, epoch): (&[u8], u64),
    message: &[u8],
    client_nonce: &[u8; 32],
) -> ExecutionId {
    ExecutionBinding {
        purpose,
        protocol,
        scheme,
        wallet: subject,
        epoch,
        n: 2,
        t: 2,
        parties: &PARTIES,
        path: &[],
        message,
        client_nonce,
        server_nonce: world.core.enclave_key().as_bytes(),
    }
    .id()
}

pub(crate) fn ceremony_id(execution: &ExecutionId) -> CeremonyId {
    CeremonyId::try_from(&execution.as_bytes()[..16]).unwrap()
}

/// Runs a ceremony to its end by way of an honest function. Says how many POSTs it took.
pub(crate) fn run<O, P: Serialize>(
    (world, client): (&World, &Client),
    mut ceremony: Ceremony<O>,
    path: &str,
    start: impl FnOnce(Vec<ByteBuf>) -> P,
) -> Result<(O, CeremonyAnswer, u32), ProblemCode> {
    let up = ceremony.step(vec![]).unwrap();
    let mut answer: CeremonyAnswer = client.send(world, path, &start(encode_messages(&up)))?;
    assert_eq!(answer.ceremony, ceremony_id(&ceremony.execution_id()));
    let steps = format!("/v1/ceremonies/{}/steps", answer.ceremony);
    loop {
        let up = ceremony.step(decode_messages(&answer.messages)).unwrap();
        if up.is_empty() && answer.state == CeremonyState::Complete {
            let posts = answer.step;
            return Ok((ceremony.take_output().unwrap(), answer, posts));
        }
        let (version, step) = (1, answer.step + 1);
        let payload = StepCeremony { version, step, messages: encode_messages(&up) };
        answer = client.send(world, &steps, &payload)?;
    }
}

/// Starts the device's side of a key generation.
pub(crate) fn device_keygen(
    world: &World,
    scheme: Scheme,
    protocol: Protocol,
    wallet: WalletId,
    client_nonce: &[u8; 32],
) -> Ceremony<KeyShare> {
    let execution = execution(
        world,
        Purpose::Keygen,
        (scheme, protocol),
        (wallet.as_bytes(), 1),
        &[],
        client_nonce,
    );
    keygen(scheme, execution, roster(), 2, &mut OsRng).unwrap()
}

/// Makes a wallet; it is pending.
pub(crate) fn create(
    world: &World,
    client: &Client,
    scheme: Scheme,
    protocol: Protocol,
) -> Result<(Held, u32), ProblemCode> {
    let (id, client_nonce) = (WalletId::try_from(&nonce()[..16]).unwrap(), nonce());
    let ceremony = device_keygen(world, scheme, protocol, id, &client_nonce);
    let (share, answer, posts) = run((world, client), ceremony, "/v1/wallets", |messages| {
        CreateWallet { version: 1, wallet: id, scheme, protocol, client_nonce, messages }
    })?;
    let Some(CeremonyResult::Wallet { public_key, .. }) = answer.result else { panic!() };
    assert_eq!(public_key, share.public_key().as_bytes());
    Ok((Held { id, protocol, share, prepared: None }, posts))
}

/// Makes a wallet that signs.
pub(crate) fn active(world: &World, client: &Client, scheme: Scheme, protocol: Protocol) -> Held {
    let (wallet, _) = create(world, client, scheme, protocol).unwrap();
    activate(world, client, &wallet).unwrap();
    wallet
}

/// Activates a wallet with its first backup.
pub(crate) fn activate(
    world: &World,
    client: &Client,
    wallet: &Held,
) -> Result<WalletChanged, ProblemCode> {
    let path = format!("/v1/wallets/{}/activate", wallet.id);
    let generation = 1;
    let backup = super::owner::backup(wallet, generation, 1);
    client.send(world, &path, &ActivateWallet { version: 1, backup })
}

/// Prepares a wallet's device for signing.
pub(crate) fn prepare_for(
    world: &World,
    client: &Client,
    wallet: &mut Held,
) -> Result<u32, ProblemCode> {
    let client_nonce = nonce();
    let protocol = wallet.protocol;
    let (subject, epoch) = match protocol {
        Protocol::Cggmp24 => (client.device.as_bytes(), 0),
        _ => (wallet.id.as_bytes(), 1),
    };
    let binding = (Scheme::EcdsaSecp256k1, protocol);
    let execution =
        execution(world, Purpose::Prepare, binding, (subject, epoch), &[], &client_nonce);
    let from = match protocol {
        Protocol::Cggmp24 => Preparing::Cggmp24 { primes: test_primes(0) },
        _ => Preparing::Dkls23 { share: &wallet.share },
    };
    let ceremony = prepare(execution, roster(), from, &mut OsRng).unwrap();
    let named = (protocol == Protocol::Dkls23).then_some(wallet.id);
    let (preparation, answer, posts) =
        run((world, client), ceremony, "/v1/ceremonies", |messages| StartCeremony {
            version: 1,
            kind: StartKind::Prepare { protocol, wallet: named },
            client_nonce,
            messages,
        })?;
    let Some(CeremonyResult::Preparation { id }) = answer.result else { panic!() };
    assert_eq!(id.as_bytes(), execution.as_bytes());
    wallet.prepared = Some((id, preparation));
    Ok(posts)
}

/// Starts the device's side of a signature over raw bytes; gives the start to send, too.
pub(crate) fn device_signature(
    world: &World,
    wallet: &Held,
    bytes: &[u8],
) -> (Ceremony<Signed>, StartCeremony) {
    let request = SignRequest::Raw { bytes: Bytes::from(bytes.to_vec()) };
    let message = sharekeep_schemas::codec::encode(&request);
    let client_nonce = nonce();
    let scheme: Scheme = wallet.share.scheme();
    let decoded = request.decode(scheme, wallet.share.public_key().as_bytes()).unwrap();
    let input = crate::core::ceremony::signing_input(&decoded.to_sign).unwrap();
    let execution = execution(
        world,
        Purpose::Sign,
        (scheme, wallet.protocol),
        (wallet.id.as_bytes(), 1),
        &message,
        &client_nonce,
    );
    let mut ceremony = sign(
        wallet.protocol,
        execution,
        roster(),
        &wallet.share,
        wallet.prepared.as_ref().map(|(_, preparation)| preparation),
        &input,
        &mut OsRng,
    )
    .unwrap();
    let messages = encode_messages(&ceremony.step(vec![]).unwrap());
    let kind = StartKind::Sign {
        wallet: wallet.id,
        epoch: 1,
        preparation: wallet.prepared.as_ref().map(|(id, _)| *id),
        message: ByteBuf::from(message),
    };
    (ceremony, StartCeremony { version: 1, kind, client_nonce, messages })
}

/// Signs raw bytes; the protocol itself verified the signature. Says how many POSTs it took.
pub(crate) fn sign_raw(
    world: &World,
    client: &Client,
    wallet: &Held,
    bytes: &[u8],
) -> Result<u32, ProblemCode> {
    let (mut ceremony, start) = device_signature(world, wallet, bytes);
    let mut answer: CeremonyAnswer = client.send(world, "/v1/ceremonies", &start)?;
    loop {
        let up = ceremony.step(decode_messages(&answer.messages)).unwrap();
        if up.is_empty() && answer.state == CeremonyState::Complete {
            assert_eq!(answer.result, Some(CeremonyResult::Signed));
            assert!(matches!(ceremony.take_output(), Some(Signed::Signature(_))));
            return Ok(answer.step);
        }
        let (version, step) = (1, answer.step + 1);
        let payload = StepCeremony { version, step, messages: encode_messages(&up) };
        answer =
            client.send(world, &format!("/v1/ceremonies/{}/steps", answer.ceremony), &payload)?;
    }
}
