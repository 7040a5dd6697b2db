//! What a failed proof costs, and what costs nothing.

use super::super::Client;
use super::super::client::{decode_messages, encode_messages, open};
use super::super::device::{
    Held, PARTIES, activate, active, device_signature, execution, nonce, prepare_for, sign_raw,
    test_primes,
};
use super::super::world::{Refused, World};
use super::scene;
use crate::core::lock;
use ciborium::Value;
use sharekeep_mpc::{Purpose, WireMessage};
use sharekeep_schemas::ProblemCode::*;
use sharekeep_schemas::enclave::{RecordKey, Row, Write};
use sharekeep_schemas::sealed::{CeremonyAnswer, StartCeremony, StartKind, StepCeremony};
use sharekeep_schemas::{Protocol, Scheme, WalletId, WalletStatus};

const ECDSA: Scheme = Scheme::EcdsaSecp256k1;

/// A wallet that is ready to sign.
fn prepared(world: &World, client: &Client, protocol: Protocol) -> Held {
    let mut wallet = active(world, client, ECDSA, protocol);
    if protocol == Protocol::Cggmp24 {
        world.core.primes.add_set(test_primes(1));
    }
    prepare_for(world, client, &mut wallet).unwrap();
    wallet
}

/// The fields of that name become something else of their kind.
fn falsify(messages: &mut [WireMessage], name: &str) {
    fn walk(value: &mut Value, name: &str) -> bool {
        match value {
            Value::Array(items) => items.iter_mut().fold(false, |done, v| walk(v, name) | done),
            Value::Map(fields) => fields.iter_mut().fold(false, |done, (key, value)| {
                if key.as_text() != Some(name) {
                    return walk(value, name) | done;
                }
                match value {
                    Value::Array(bytes) => {
                        bytes[0] = Value::from(if bytes[0] == Value::from(7) { 8 } else { 7 });
                    }
                    other => {
                        *other = Value::Map(vec![
                            ("radix".into(), 16.into()),
                            ("value".into(), "123456789abcdef".into()),
                        ]);
                    }
                }
                true
            }),
            _ => false,
        }
    }
    let mut found = false;
    for message in messages {
        let mut value: Value = ciborium::from_reader(&message.body[..]).unwrap();
        if walk(&mut value, name) {
            found = true;
            message.body.clear();
            ciborium::into_writer(&value, &mut message.body).unwrap();
        }
    }
    assert!(found, "no field {name}");
}

/// Begins a signature of which some proof is false. What comes before that is committed.
fn cheat(world: &World, client: &Client, wallet: &Held) -> Refused {
    let (mut device, mut start) = device_signature(world, wallet, b"hello");
    let mut path = "/v1/ceremonies".to_owned();
    if wallet.protocol == Protocol::Dkls23 {
        let mut messages = decode_messages(&start.messages);
        falsify(&mut messages, "verify_x");
        start.messages = encode_messages(&messages);
        return world.ask(&client.request(world, &path, &start)).unwrap_err();
    }
    let (sealed, opener) = client.seal(world, &path, &start);
    let answer = match world.ask(&client.sign(world, &sealed)) {
        Ok(answer) => answer,
        Err(refused) => return refused,
    };
    world.commit(&answer.writes).unwrap();
    let answer: CeremonyAnswer = open(&opener, &answer.body);
    let mut up = device.step(decode_messages(&answer.messages)).unwrap();
    falsify(&mut up, "hat_D");
    path = format!("{path}/{}/steps", answer.ceremony);
    let step = StepCeremony { version: 1, step: 2, messages: encode_messages(&up) };
    world.ask(&client.request(world, &path, &step)).unwrap_err()
}

fn sign(world: &World, client: &Client, wallet: &Held) -> Refused {
    let (_, start) = device_signature(world, wallet, b"hello");
    world.ask(&client.request(world, "/v1/ceremonies", &start)).unwrap_err()
}

fn status(world: &World, wallet: WalletId) -> WalletStatus {
    let key = RecordKey::Wallet { user: world.users()[0], wallet };
    let Row::Wallet(row) = &world.store.borrow()[&key].row else { panic!() };
    row.status
}

/// Whether one of the writes is of the wallet as locked.
fn locks(writes: &[Write], wallet: WalletId) -> bool {
    let locked = |write: &Write| match write.put.as_ref().map(|put| &put.row) {
        Some(Row::Wallet(row)) => (row.wallet, row.status) == (wallet, WalletStatus::Locked),
        _ => false,
    };
    writes.iter().any(locked)
}

#[test]
fn a_failed_proof_locks_a_wallet_also_when_nothing_is_ever_committed() {
    let (world, client) = scene();
    let mut wallet = prepared(&world, &client, Protocol::Dkls23);
    let failed = cheat(&world, &client, &wallet);
    assert_eq!(failed.code, CeremonyFault);
    assert!(locks(&failed.writes, wallet.id));
    assert_eq!(status(&world, wallet.id), WalletStatus::Active);
    for _ in 0..3 {
        let refused = sign(&world, &client, &wallet);
        assert_eq!(refused.code, WalletState);
        // Each refusal brings the lock again, for a function that does commit.
        assert!(locks(&refused.writes, wallet.id));
    }
    assert_eq!(prepare_for(&world, &client, &mut wallet), Err(WalletState));
    assert_eq!(status(&world, wallet.id), WalletStatus::Locked);
    // Other wallets go on.
    let other = prepared(&world, &client, Protocol::Dkls23);
    assert_eq!(sign_raw(&world, &client, &other, b"hello"), Ok(2));
}

#[test]
fn a_committed_lock_outlives_the_enclave() {
    let (mut world, client) = scene();
    let mut wallet = prepared(&world, &client, Protocol::Dkls23);
    world.commit(&cheat(&world, &client, &wallet).writes).unwrap();
    assert_eq!(status(&world, wallet.id), WalletStatus::Locked);
    world.restart();
    let refused = sign(&world, &client, &wallet);
    assert_eq!((refused.code, refused.writes), (WalletState, vec![]));
    assert_eq!(prepare_for(&world, &client, &mut wallet), Err(WalletState));
    assert_eq!(activate(&world, &client, &wallet), Err(WalletState));
}

#[test]
fn a_failed_proof_locks_all_that_the_pair_prepared() {
    let (mut world, client) = scene();
    let mut first = prepared(&world, &client, Protocol::Cggmp24);
    let mut second = active(&world, &client, ECDSA, Protocol::Cggmp24);
    second.prepared = first.prepared.take();
    assert_eq!(sign_raw(&world, &client, &second, b"hello"), Ok(3));
    // Another signature of the pair is under way.
    let (mut running, start) = device_signature(&world, &second, b"hello");
    let answer: CeremonyAnswer = client.send(&world, "/v1/ceremonies", &start).unwrap();
    let up = running.step(decode_messages(&answer.messages)).unwrap();
    let next = StepCeremony { version: 1, step: 2, messages: encode_messages(&up) };
    let next_path = format!("/v1/ceremonies/{}/steps", answer.ceremony);

    first.prepared = second.prepared.take();
    let failed = cheat(&world, &client, &first);
    assert_eq!(failed.code, CeremonyFault);
    // The ceremony's end, the wallet and what the pair prepared.
    assert_eq!(failed.writes.len(), 3);
    assert!(locks(&failed.writes, first.id));
    assert_eq!(world.core.running_ceremonies(), 0);
    let http = client.request(&world, &next_path, &next);
    assert_eq!(world.ask(&http).unwrap_err().code, WalletState);

    second.prepared = first.prepared.take();
    assert_eq!(sign(&world, &client, &second).code, WalletState);
    world.commit(&failed.writes).unwrap();
    world.restart();
    world.core.primes.add_set(test_primes(2));
    assert_eq!(sign(&world, &client, &second).code, WalletState);
    assert_eq!(prepare_for(&world, &client, &mut second), Err(WalletState));
    assert_eq!(world.core.primes.ready(), 1);
    // The wallet whose proof failed is locked for other devices, too; the other one is not.
    assert_eq!(status(&world, first.id), WalletStatus::Locked);
    assert_eq!(status(&world, second.id), WalletStatus::Active);
}

#[test]
fn three_hundred_failed_proofs_give_one_lock_and_no_output() {
    let (world, client) = scene();
    let wallet = prepared(&world, &client, Protocol::Dkls23);
    let mut faults = 0;
    let mut written = 0;
    for _ in 0..300 {
        let refused = cheat(&world, &client, &wallet);
        faults += u32::from(refused.code == CeremonyFault);
        written += u32::from(locks(&refused.writes, wallet.id));
        assert!(matches!(refused.code, CeremonyFault | WalletState));
        world.commit(&refused.writes).unwrap();
    }
    assert_eq!((faults, written), (1, 1));
    assert_eq!(world.core.running_ceremonies(), 0);
}

#[test]
fn what_is_malformed_misplaced_or_late_locks_nothing() {
    let (world, client) = scene();
    let wallet = prepared(&world, &client, Protocol::Dkls23);
    let changes: [fn(&mut Vec<WireMessage>); 5] = [
        |messages| messages[0].body.truncate(20),
        |messages| messages[0].body = vec![0xff; 100],
        |messages| messages[0].from = PARTIES[1],
        |messages| messages[0].round = 3,
        |messages| messages.push(messages[0].clone()),
    ];
    for change in changes {
        let (_, mut start) = device_signature(&world, &wallet, b"hello");
        let mut messages = decode_messages(&start.messages);
        change(&mut messages);
        start.messages = encode_messages(&messages);
        let refused = world.ask(&client.request(&world, "/v1/ceremonies", &start)).unwrap_err();
        assert_eq!((refused.code, refused.writes), (CeremonyFault, vec![]));
    }
    // A signature that nobody takes on.
    let (_, start) = device_signature(&world, &wallet, b"hello");
    let _: CeremonyAnswer = client.send(&world, "/v1/ceremonies", &start).unwrap();
    world.pass(301);
    assert_eq!(sign_raw(&world, &client, &wallet, b"hello"), Ok(2));
    assert_eq!(status(&world, wallet.id), WalletStatus::Active);
}

/// The start of a cggmp24 preparation that is well addressed and says nothing sensible, changed.
fn preparation(
    world: &World,
    client: &Client,
    change: impl FnOnce(&mut Vec<WireMessage>),
) -> StartCeremony {
    let (protocol, client_nonce) = (Protocol::Cggmp24, nonce());
    let subject = (client.device.as_bytes().as_slice(), 0);
    let execution =
        execution(world, Purpose::Prepare, (ECDSA, protocol), subject, &[], &client_nonce);
    let mut messages =
        vec![WireMessage { execution, round: 1, from: PARTIES[0], to: None, body: vec![0xff; 40] }];
    change(&mut messages);
    let kind = StartKind::Prepare { protocol, wallet: None };
    StartCeremony { version: 1, kind, client_nonce, messages: encode_messages(&messages) }
}

#[test]
fn what_cannot_be_a_preparation_takes_no_primes() {
    let (world, client) = scene();
    world.core.primes.add_set(test_primes(1));
    let changes: [fn(&mut Vec<WireMessage>); 7] = [
        |messages| messages.clear(),
        |messages| messages.push(messages[0].clone()),
        |messages| messages[0].from = PARTIES[1],
        |messages| messages[0].to = Some(PARTIES[0]),
        |messages| messages[0].round = 2,
        |messages| messages[0].body.clear(),
        |messages| messages[0].execution = sharekeep_mpc::ExecutionId::from_bytes([7; 32]),
    ];
    for change in changes {
        let start = preparation(&world, &client, change);
        world.refuses(&client.request(&world, "/v1/ceremonies", &start), CeremonyFault);
        assert_eq!(world.core.primes.ready(), 1);
    }
    let mut wallet = active(&world, &client, ECDSA, Protocol::Cggmp24);
    assert_eq!(prepare_for(&world, &client, &mut wallet), Ok(2));
}

#[test]
fn one_user_takes_four_sets_of_primes_an_hour_at_most() {
    let (world, client) = scene();
    for set in 1..5 {
        world.core.primes.add_set(test_primes(set));
    }
    world.core.primes.add_set(test_primes(1));
    let ask = |client: &Client| {
        let start = preparation(&world, client, |_| ());
        world.ask(&client.request(&world, "/v1/ceremonies", &start)).unwrap_err()
    };
    for left in [4, 3, 2, 1] {
        assert_eq!(ask(&client).code, CeremonyFault);
        assert_eq!(world.core.primes.ready(), left);
    }
    let refused = ask(&client);
    assert_eq!((refused.code, refused.retry_after_s), (RateLimited, Some(3601)));
    assert_eq!(world.core.primes.ready(), 1);
    // Also not from another device; but somebody else is served.
    let again = Client::new("shop", "alice");
    again.sign_up(&world);
    assert_eq!(ask(&again).code, RateLimited);
    let bob = Client::new("shop", "bob");
    bob.sign_up(&world);
    assert_eq!(ask(&bob).code, CeremonyFault);
    // Asking while there are no primes costs nothing.
    for _ in 0..6 {
        assert_eq!(ask(&bob).code, PreparationNotReady);
    }
    assert_eq!(lock(&world.core.memory).sizes()[4], 5);
    world.pass(3601);
    let later = Client::new("shop", "alice");
    later.sign_up(&world);
    world.core.primes.add_set(test_primes(1));
    assert_eq!(ask(&later).code, CeremonyFault);
}
