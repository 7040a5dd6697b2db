//! A wallet's life, and who may touch it.

use super::client::{decode_messages, encode_messages};
use super::device::{
    activate, active, create, device_keygen, device_signature, nonce, prepare_for, sign_raw,
    test_primes,
};
use super::{Client, World};
use serde_bytes::ByteBuf;
use sharekeep_channel::receipt::{self, SignedReceipt};
use sharekeep_messages::{Bytes, SignRequest};
use sharekeep_schemas::ProblemCode::*;
use sharekeep_schemas::enclave::{RecordKey, Row};
use sharekeep_schemas::sealed::{
    CeremonyAborted, CeremonyAnswer, CreateWallet, Plain, StartCeremony, StartKind, StepCeremony,
    WalletChanged,
};
use sharekeep_schemas::{PreparationId, Protocol, Scheme, WalletId, WalletStatus, codec};

const FROST: (Scheme, Protocol) = (Scheme::EddsaEd25519, Protocol::Frost);
const TAPROOT: (Scheme, Protocol) = (Scheme::SchnorrBip340, Protocol::Frost);
const DKLS23: (Scheme, Protocol) = (Scheme::EcdsaSecp256k1, Protocol::Dkls23);
const CGGMP24: (Scheme, Protocol) = (Scheme::EcdsaSecp256k1, Protocol::Cggmp24);

fn scene() -> (World, Client) {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.sign_up(&world);
    (world, client)
}

fn status(world: &World, client: &Client, wallet: WalletId) -> WalletStatus {
    let user = world.users()[0];
    assert!(client.subject == "alice");
    let store = world.store.borrow();
    let Row::Wallet(row) = &store[&RecordKey::Wallet { user, wallet }].row else { panic!() };
    row.status
}

#[test]
fn frost_wallets_are_made_in_two_posts_and_sign_in_one() {
    let (world, client) = scene();
    for (scheme, protocol) in [FROST, TAPROOT] {
        let (wallet, posts) = create(&world, &client, scheme, protocol).unwrap();
        assert_eq!(posts, 2);
        let changed = activate(&world, &client, &wallet).unwrap();
        assert_eq!(changed.status, WalletStatus::Active);
        assert_eq!(sign_raw(&world, &client, &wallet, b"hello"), Ok(1));
    }
}

#[test]
fn a_dkls23_wallet_prepares_and_signs() {
    let (world, client) = scene();
    let mut wallet = active(&world, &client, DKLS23.0, DKLS23.1);
    assert_eq!(prepare_for(&world, &client, &mut wallet), Ok(2));
    assert_eq!(sign_raw(&world, &client, &wallet, b"hello"), Ok(2));
}

#[test]
fn a_cggmp24_device_prepares_once_for_all_its_wallets() {
    let (mut world, client) = scene();
    let mut first = active(&world, &client, CGGMP24.0, CGGMP24.1);
    assert_eq!(prepare_for(&world, &client, &mut first), Err(PreparationNotReady));
    world.core.primes.add_set(test_primes(1));
    assert_eq!(prepare_for(&world, &client, &mut first), Ok(2));
    assert_eq!(sign_raw(&world, &client, &first, b"hello"), Ok(3));
    // The second wallet uses the same preparation, also after a restart.
    let mut second = active(&world, &client, CGGMP24.0, CGGMP24.1);
    second.prepared = first.prepared;
    world.restart();
    assert_eq!(sign_raw(&world, &client, &second, b"hello"), Ok(3));
}

#[test]
fn wallets_survive_a_restart_and_running_ceremonies_do_not() {
    let (mut world, client) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let (id, client_nonce) = (WalletId::new([3; 16]), nonce());
    let mut device = device_keygen(&world, FROST.0, FROST.1, id, &client_nonce);
    let messages = encode_messages(&device.step(vec![]).unwrap());
    let start = CreateWallet {
        version: 1,
        wallet: id,
        scheme: FROST.0,
        protocol: FROST.1,
        client_nonce,
        messages,
    };
    let answer: CeremonyAnswer = client.send(&world, "/v1/wallets", &start).unwrap();
    let up = device.step(decode_messages(&answer.messages)).unwrap();
    world.restart();
    let step = StepCeremony { version: 1, step: 2, messages: encode_messages(&up) };
    let path = format!("/v1/ceremonies/{}", answer.ceremony);
    let http = client.request(&world, &format!("{path}/steps"), &step);
    // The first look makes the new life read its keys.
    assert_eq!(sign_raw(&world, &client, &wallet, b"hello"), Ok(1));
    world.refuses(&http, CeremonyUnknown);
    // What stands can be ended.
    let _: CeremonyAborted = client.plain(&world, &format!("{path}/abort")).unwrap();
}

#[test]
fn another_device_of_the_user_neither_signs_nor_prepares_with_a_wallet() {
    let (world, client) = scene();
    let frost = active(&world, &client, FROST.0, FROST.1);
    let mut dkls23 = active(&world, &client, DKLS23.0, DKLS23.1);
    // Somebody with a token of the user's, and even with a copy of the device's share.
    let other = Client::new("shop", "alice");
    other.login(&world);
    let store = world.store.borrow().clone();
    let memory = world.memory();
    assert_eq!(sign_raw(&world, &other, &frost, b"hello"), Err(WalletOnOtherDevice));
    assert_eq!(prepare_for(&world, &other, &mut dkls23), Err(FactorNeeded));
    assert!(*world.store.borrow() == store);
    assert_eq!(world.memory(), memory);
    // And even with a factor, as long as it did not prove the share.
    world.owners.borrow()[&world.users()[0]].join(&world, &other);
    let store = world.store.borrow().clone();
    assert_eq!(sign_raw(&world, &other, &frost, b"hello"), Err(WalletOnOtherDevice));
    assert_eq!(prepare_for(&world, &other, &mut dkls23), Err(WalletOnOtherDevice));
    assert!(*world.store.borrow() == store);
    // Any session of the device that made them will do.
    let again = client.again();
    again.login(&world);
    assert_eq!(sign_raw(&world, &again, &frost, b"hello"), Ok(1));
    assert_eq!(prepare_for(&world, &again, &mut dkls23), Ok(2));
    assert_eq!(sign_raw(&world, &again, &dkls23, b"hello"), Ok(2));
}

#[test]
fn receipts_follow_each_other_and_name_the_wallet() {
    let (world, client) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let read = |bytes: &[u8]| {
        let keys = world.core.deployment.get().unwrap();
        SignedReceipt::from_bytes(bytes).unwrap().verify(&keys.statement().public_key()).unwrap()
    };
    let path = format!("/v1/wallets/{}", wallet.id);
    let again = activate(&world, &client, &wallet).unwrap();
    let first = read(&again.receipt);
    assert_eq!((first.epoch, first.record_version), (1, 2));
    assert_eq!(first.wallet_id, wallet.id.to_string());
    let archived: WalletChanged = client.plain(&world, &format!("{path}/archive")).unwrap();
    let second = read(&archived.receipt);
    assert_eq!(second.status, receipt::WalletStatus::Archived);
    second.check_follows(&first).unwrap();
    assert!(first.check_follows(&second).is_err());
}

#[test]
fn a_pending_wallet_does_not_sign() {
    let (world, client) = scene();
    let (wallet, _) = create(&world, &client, FROST.0, FROST.1).unwrap();
    assert_eq!(status(&world, &client, wallet.id), WalletStatus::Pending);
    let (_, start) = device_signature(&world, &wallet, b"hello");
    world.refuses(&client.request(&world, "/v1/ceremonies", &start), BackupMissing);
}

#[test]
fn an_archived_wallet_does_not_sign_and_does_not_come_back() {
    let (world, client) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let path = format!("/v1/wallets/{}", wallet.id);
    let _: WalletChanged = client.plain(&world, &format!("{path}/archive")).unwrap();
    let (_, start) = device_signature(&world, &wallet, b"hello");
    world.refuses(&client.request(&world, "/v1/ceremonies", &start), WalletState);
    assert_eq!(activate(&world, &client, &wallet), Err(WalletState));
}

#[test]
fn an_archived_wallet_stays_so_when_the_function_never_commits() {
    let (world, client) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let path = format!("/v1/wallets/{}/archive", wallet.id);
    assert!(world.ask(&client.request(&world, &path, &Plain::default())).is_ok());
    assert_eq!(status(&world, &client, wallet.id), WalletStatus::Active);
    let (_, start) = device_signature(&world, &wallet, b"hello");
    world.refuses(&client.request(&world, "/v1/ceremonies", &start), WalletState);
}

#[test]
fn a_wallet_that_exists_cannot_be_made_again() {
    let (world, client) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let client_nonce = nonce();
    let mut device = device_keygen(&world, FROST.0, FROST.1, wallet.id, &client_nonce);
    let start = CreateWallet {
        version: 1,
        wallet: wallet.id,
        scheme: FROST.0,
        protocol: FROST.1,
        client_nonce,
        messages: encode_messages(&device.step(vec![]).unwrap()),
    };
    world.refuses(&client.request(&world, "/v1/wallets", &start), WalletState);
}

#[test]
fn a_protocol_that_does_not_fit_the_scheme_is_refused() {
    let (world, client) = scene();
    for (scheme, protocol) in [
        (Scheme::EddsaEd25519, Protocol::Cggmp24),
        (Scheme::SchnorrBip340, Protocol::Dkls23),
        (Scheme::EcdsaSecp256k1, Protocol::Frost),
    ] {
        let start = CreateWallet {
            version: 1,
            wallet: WalletId::new([1; 16]),
            scheme,
            protocol,
            client_nonce: nonce(),
            messages: vec![],
        };
        world.refuses(&client.request(&world, "/v1/wallets", &start), ProtocolUnsupported);
    }
}

#[test]
fn another_users_wallet_is_not_found() {
    let (world, client) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    for other in [Client::new("shop", "bob"), Client::new("bank", "alice")] {
        other.login(&world);
        let (_, start) = device_signature(&world, &wallet, b"hello");
        world.refuses(&other.request(&world, "/v1/ceremonies", &start), NotFound);
        assert_eq!(activate(&world, &other, &wallet), Err(NotFound));
        let path = format!("/v1/wallets/{}/archive", wallet.id);
        world.refuses(&other.request(&world, &path, &Plain::default()), NotFound);
    }
}

#[test]
fn a_wallet_copied_to_another_user_is_refused() {
    let (world, client) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let owner = world.users()[0];
    let thief = Client::new("shop", "bob");
    let user = thief.login(&world).user;
    let bytes =
        world.store.borrow()[&RecordKey::Wallet { user: owner, wallet: wallet.id }].bytes.clone();
    world.put(RecordKey::Wallet { user, wallet: wallet.id }, bytes.into_vec());
    let (_, start) = device_signature(&world, &wallet, b"hello");
    world.refuses(&thief.request(&world, "/v1/ceremonies", &start), RecordRefused);
}

#[test]
fn an_edited_wallet_is_refused() {
    let (world, client) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let user = world.users()[0];
    world.edit(&RecordKey::Wallet { user, wallet: wallet.id });
    let (_, start) = device_signature(&world, &wallet, b"hello");
    world.refuses(&client.request(&world, "/v1/ceremonies", &start), RecordRefused);
}

#[test]
fn what_cannot_be_signed_is_refused() {
    let (world, client) = scene();
    let wallet = active(&world, &client, FROST.0, FROST.1);
    let start = |message: Vec<u8>, epoch: u64, preparation| StartCeremony {
        version: 1,
        kind: StartKind::Sign {
            wallet: wallet.id,
            epoch,
            preparation,
            message: ByteBuf::from(message),
        },
        client_nonce: nonce(),
        messages: vec![],
    };
    let raw = codec::encode(&SignRequest::Raw { bytes: Bytes::from(b"x".to_vec()) });
    let text = codec::encode(&SignRequest::EthereumText { text: "x".into() });
    let preparation = Some(PreparationId::new([1; 32]));
    for (payload, code) in [
        (start(vec![0xff], 1, None), MessageRefused),
        (start(vec![], 1, None), MessageRefused),
        (start(text, 1, None), MessageRefused),
        (start(raw.clone(), 2, None), WalletState),
        (start(raw.clone(), 0, None), WalletState),
        (start(raw, 1, preparation), MalformedRequest),
    ] {
        world.refuses(&client.request(&world, "/v1/ceremonies", &payload), code);
    }
}

#[test]
fn another_preparation_than_the_one_held_is_refused() {
    let (world, client) = scene();
    let mut wallet = active(&world, &client, DKLS23.0, DKLS23.1);
    prepare_for(&world, &client, &mut wallet).unwrap();
    let (_, mut start) = device_signature(&world, &wallet, b"hello");
    for named in [None, Some(PreparationId::new([1; 32]))] {
        let StartKind::Sign { preparation, .. } = &mut start.kind else { panic!() };
        *preparation = named;
        world.refuses(&client.request(&world, "/v1/ceremonies", &start), PreparationUnknown);
    }
}
