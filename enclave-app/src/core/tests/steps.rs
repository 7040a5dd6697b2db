//! Steps repeated, skipped, changed, false, late or too many.

mod locks;
mod shares;

use super::client::{decode_messages, encode_messages, open};
use super::device::{active, device_keygen, device_signature, nonce, sign_raw};
use super::{Client, World};
use crate::Limits;
use serde_bytes::ByteBuf;
use sharekeep_schemas::ProblemCode::*;
use sharekeep_schemas::enclave::{RecordKey, Row};
use sharekeep_schemas::sealed::{
    CeremonyAborted, CeremonyAnswer, CreateWallet, Plain, StepCeremony,
};
use sharekeep_schemas::{CeremonyId, CeremonyState, Protocol, Scheme, WalletId};

const FROST: (Scheme, Protocol) = (Scheme::EddsaEd25519, Protocol::Frost);

fn scene() -> (World, Client) {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.sign_up(&world);
    (world, client)
}

/// A key generation whose first step was answered and committed.
struct Half {
    world: World,
    client: Client,
    id: CeremonyId,
    second: StepCeremony,
}

fn half() -> Half {
    let (world, client) = scene();
    let (wallet, client_nonce) = (WalletId::new([3; 16]), nonce());
    let mut device = device_keygen(&world, FROST.0, FROST.1, wallet, &client_nonce);
    let start = CreateWallet {
        version: 1,
        wallet,
        scheme: FROST.0,
        protocol: FROST.1,
        client_nonce,
        messages: encode_messages(&device.step(vec![]).unwrap()),
    };
    let answer: CeremonyAnswer = client.send(&world, "/v1/wallets", &start).unwrap();
    let up = device.step(decode_messages(&answer.messages)).unwrap();
    let second = StepCeremony { version: 1, step: 2, messages: encode_messages(&up) };
    Half { world, client, id: answer.ceremony, second }
}

impl Half {
    fn path(&self) -> String {
        format!("/v1/ceremonies/{}/steps", self.id)
    }

    fn state(&self) -> CeremonyState {
        let store = self.world.store.borrow();
        let Row::Ceremony(row) = &store[&RecordKey::Ceremony(self.id)].row else { panic!() };
        row.state
    }
}

#[test]
fn a_repeated_step_gets_the_same_answer() {
    let half = half();
    let (sealed, opener) = half.client.seal(&half.world, &half.path(), &half.second);
    let first = half.world.ask(&half.client.sign(&half.world, &sealed)).unwrap();
    // The commit failed, the client tries again: the same bytes, the same writes.
    let second = half.world.ask(&half.client.sign(&half.world, &sealed)).unwrap();
    assert_eq!(first, second);
    half.world.commit(&second.writes).unwrap();
    // The commit went through but the answer was lost: the same bytes, nothing to write.
    let third = half.world.ask(&half.client.sign(&half.world, &sealed)).unwrap();
    assert_eq!((third.body, third.writes), (second.body.clone(), vec![]));
    let answer: CeremonyAnswer = open(&opener, &second.body);
    assert_eq!(answer.state, CeremonyState::Complete);
}

#[test]
fn a_repeated_start_gets_the_same_answer() {
    let (world, client) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let (_, start) = device_signature(&world, &wallet, b"hello");
    let (sealed, _) = client.seal(&world, "/v1/ceremonies", &start);
    let first = world.ask(&client.sign(&world, &sealed)).unwrap();
    let second = world.ask(&client.sign(&world, &sealed)).unwrap();
    assert_eq!(first, second);
    world.commit(&second.writes).unwrap();
    let third = world.ask(&client.sign(&world, &sealed)).unwrap();
    assert_eq!((third.body, third.writes), (first.body, vec![]));
}

#[test]
fn the_same_start_in_another_seal_is_refused() {
    let (world, client) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let (_, start) = device_signature(&world, &wallet, b"hello");
    let _: CeremonyAnswer = client.send(&world, "/v1/ceremonies", &start).unwrap();
    world.refuses(&client.request(&world, "/v1/ceremonies", &start), CeremonyRepeated);
    // Also when the ceremony itself is forgotten.
    world.pass(400);
    world.refuses(&client.request(&world, "/v1/ceremonies", &start), CeremonyRepeated);
}

#[test]
fn a_skipped_step_is_refused_and_the_ceremony_goes_on() {
    let half = half();
    for step in [3, 4, u32::MAX] {
        let skipped = StepCeremony { step, ..half.second.clone() };
        let http = half.client.request(&half.world, &half.path(), &skipped);
        half.world.refuses(&http, CeremonyStep);
    }
    let answer: CeremonyAnswer = half.client.send(&half.world, &half.path(), &half.second).unwrap();
    assert_eq!(answer.state, CeremonyState::Complete);
}

#[test]
fn a_changed_step_ends_the_ceremony() {
    let half = half();
    let forked = StepCeremony { step: 1, ..half.second.clone() };
    let refused =
        half.world.ask(&half.client.request(&half.world, &half.path(), &forked)).unwrap_err();
    assert_eq!(refused.code, CeremonyForked);
    // What changes, exactly: the ceremony's record says aborted.
    assert_eq!(refused.writes.len(), 1);
    half.world.commit(&refused.writes).unwrap();
    assert_eq!(half.state(), CeremonyState::Aborted);
    let http = half.client.request(&half.world, &half.path(), &half.second);
    half.world.refuses(&http, CeremonyStep);
}

#[test]
fn a_step_after_the_end_is_refused() {
    let half = half();
    let _: CeremonyAnswer = half.client.send(&half.world, &half.path(), &half.second).unwrap();
    assert_eq!(half.state(), CeremonyState::Complete);
    let next = StepCeremony { step: 3, ..half.second.clone() };
    let http = half.client.request(&half.world, &half.path(), &next);
    half.world.refuses(&http, CeremonyStep);
    // Another body for the last step: over already, so nothing changes.
    let http = half.client.request(&half.world, &half.path(), &half.second);
    half.world.refuses(&http, CeremonyForked);
}

#[test]
fn garbage_for_a_protocol_message_is_refused_and_the_ceremony_goes_on() {
    let half = half();
    let garbage =
        StepCeremony { messages: vec![ByteBuf::from(vec![0xff; 10])], ..half.second.clone() };
    let http = half.client.request(&half.world, &half.path(), &garbage);
    half.world.refuses(&http, MalformedRequest);
    let many =
        StepCeremony { messages: vec![half.second.messages[0].clone(); 65], ..half.second.clone() };
    let http = half.client.request(&half.world, &half.path(), &many);
    half.world.refuses(&http, TooLarge);
    assert!(half.client.send::<CeremonyAnswer>(&half.world, &half.path(), &half.second).is_ok());
}

#[test]
fn a_false_protocol_message_ends_the_ceremony() {
    let half = half();
    let mut messages = decode_messages(&half.second.messages);
    messages[0].from = sharekeep_mpc::PartyIndex(1);
    let payload = StepCeremony { messages: encode_messages(&messages), ..half.second.clone() };
    let http = half.client.request(&half.world, &half.path(), &payload);
    let refused = half.world.ask(&http).unwrap_err();
    assert_eq!((refused.code, refused.writes.len()), (CeremonyFault, 1));
    half.world.commit(&refused.writes).unwrap();
    assert_eq!(half.state(), CeremonyState::Aborted);
}

#[test]
fn somebody_elses_ceremony_is_unknown() {
    let half = half();
    let other = Client::new("shop", "bob");
    other.login(&half.world);
    let http = other.request(&half.world, &half.path(), &half.second);
    half.world.refuses(&http, CeremonyUnknown);
    let abort = format!("/v1/ceremonies/{}/abort", half.id);
    let http = other.request(&half.world, &abort, &Plain::default());
    half.world.refuses(&http, CeremonyUnknown);
    // The same user on another device: that device's share is not in this ceremony.
    let device = Client::new("shop", "alice");
    device.login(&half.world);
    let http = device.request(&half.world, &half.path(), &half.second);
    half.world.refuses(&http, CeremonyUnknown);
}

#[test]
fn an_aborted_ceremony_is_over() {
    let half = half();
    let abort = format!("/v1/ceremonies/{}/abort", half.id);
    let _: CeremonyAborted = half.client.plain(&half.world, &abort).unwrap();
    assert_eq!(half.state(), CeremonyState::Aborted);
    // Once more is no harm.
    let _: CeremonyAborted = half.client.plain(&half.world, &abort).unwrap();
    let http = half.client.request(&half.world, &half.path(), &half.second);
    half.world.refuses(&http, CeremonyStep);
    let unknown = format!("/v1/ceremonies/{}/abort", CeremonyId::new([9; 16]));
    let http = half.client.request(&half.world, &unknown, &Plain::default());
    half.world.refuses(&http, CeremonyUnknown);
}

#[test]
fn an_abort_does_not_lose_a_wallet_that_is_complete_and_not_committed() {
    let half = half();
    let (sealed, opener) = half.client.seal(&half.world, &half.path(), &half.second);
    assert!(half.world.ask(&half.client.sign(&half.world, &sealed)).is_ok());
    // The last step's commit failed; then comes an abort.
    let abort = format!("/v1/ceremonies/{}/abort", half.id);
    let http = half.client.request(&half.world, &abort, &Plain::default());
    half.world.refuses(&http, CeremonyStep);
    // The retry still brings the wallet.
    let body = half.world.serve(&half.client.sign(&half.world, &sealed)).unwrap();
    let answer: CeremonyAnswer = open(&opener, &body);
    assert_eq!((answer.state, half.state()), (CeremonyState::Complete, CeremonyState::Complete));
    let user = half.world.users()[0];
    let key = RecordKey::Wallet { user, wallet: WalletId::new([3; 16]) };
    assert!(half.world.store.borrow().contains_key(&key));
}

#[test]
fn what_is_aborted_on_record_is_not_told_as_complete() {
    let mut half = half();
    let (sealed, _) = half.client.seal(&half.world, &half.path(), &half.second);
    // The last step's commit failed, and another enclave put the abort on record.
    assert!(half.world.ask(&half.client.sign(&half.world, &sealed)).is_ok());
    let other = half.world.another_life();
    let first = std::mem::replace(&mut half.world.core, other);
    let abort = format!("/v1/ceremonies/{}/abort", half.id);
    let _: CeremonyAborted = half.client.plain(&half.world, &abort).unwrap();
    assert_eq!(half.state(), CeremonyState::Aborted);
    half.world.core = first;
    half.world.refuses(&half.client.sign(&half.world, &sealed), CeremonyStep);
}

#[test]
fn a_ceremony_that_nobody_takes_on_is_forgotten() {
    let half = half();
    half.world.pass(301);
    let http = half.client.request(&half.world, &half.path(), &half.second);
    assert_eq!(half.world.ask(&http).unwrap_err().code, CeremonyUnknown);
    assert_eq!(half.world.core.running_ceremonies(), 0);
    assert_eq!(crate::core::lock(&half.world.core.ceremonies).bytes(), 0);
}

#[test]
fn finished_ceremonies_make_room_for_new_ones() {
    let limits = Limits { ceremony_bytes: 200 * 1024, primes: 0, ..Limits::default() };
    let world = World::with_limits(limits);
    let client = Client::new("shop", "alice");
    client.sign_up(&world);
    let wallet = active(&world, &client, FROST.0, FROST.1);
    for _ in 0..200 {
        assert_eq!(sign_raw(&world, &client, &wallet, b"hello"), Ok(1));
    }
    assert!(crate::core::lock(&world.core.ceremonies).bytes() <= 200 * 1024);
    assert_eq!(world.core.running_ceremonies(), 0);
}

#[test]
fn a_step_that_finds_no_worker_leaves_everything_as_it_was() {
    let half = half();
    let (sealed, _) = half.client.seal(&half.world, &half.path(), &half.second);
    half.world.busy.set(true);
    for _ in 0..3 {
        half.world.refuses(&half.client.sign(&half.world, &sealed), Overloaded);
    }
    half.world.busy.set(false);
    assert!(half.world.serve(&half.client.sign(&half.world, &sealed)).is_ok());
    assert_eq!(half.state(), CeremonyState::Complete);
}

#[test]
fn a_start_that_finds_no_worker_can_be_made_again() {
    let (world, client) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let (_, start) = device_signature(&world, &wallet, b"hello");
    let (sealed, _) = client.seal(&world, "/v1/ceremonies", &start);
    world.busy.set(true);
    world.refuses(&client.sign(&world, &sealed), Overloaded);
    world.busy.set(false);
    assert!(world.serve(&client.sign(&world, &sealed)).is_ok());
}
