//! What is large, and what is fast: through vsock both ways, and for a minute.

use futures_util::future::join_all;
use rand_core::{OsRng, RngCore};
use serde_bytes::ByteBuf;
use sharekeep_functions::enclave_client::EnclaveClient;
use sharekeep_schemas::enclave::{
    Call, HttpRequest, LoadedRecord, RecordKey, RecordQuery, Reply, StoredRecord, VERSION,
};
use sharekeep_schemas::limits::{
    MAX_BACKUP_BYTES, MAX_ENCLAVE_CALL_BYTES, MAX_RECORDS_PER_CALL, MAX_WALLETS_PER_USER,
};
use sharekeep_schemas::sealed::{BackupOpened, FactorsChanged, Plain};
use sharekeep_schemas::{TokenId, codec};
use sharekeep_tests::ceremony::Wallet;
use sharekeep_tests::guests::{Boots, Guests};
use sharekeep_tests::message::note;
use sharekeep_tests::{Deployment, Request, Site, User};
use std::time::{Duration, Instant};

/// How often everything large is sent.
const TIMES: u64 = 3;

/// A call of nearly as many bytes as an enclave takes. What is in it are records that nobody asked for,
/// so the enclave answers as without them.
fn largest_call() -> Call {
    let nonce = "A".repeat(43);
    let http = HttpRequest {
        method: "GET".to_owned(),
        authority: "127.0.0.1".to_owned(),
        path: "/v1/attestation".to_owned(),
        query: Some(format!("nonce={nonce}")),
        signature_input: None,
        signature: None,
        content_digest: None,
        idempotency_key: None,
        body: ByteBuf::new(),
    };
    let record = || {
        let key = RecordKey::Token(TokenId::new(random(32).try_into().unwrap()));
        let bytes = ByteBuf::from(random(MAX_ENCLAVE_CALL_BYTES / MAX_RECORDS_PER_CALL - 512));
        let query = RecordQuery::One(key.clone());
        LoadedRecord { query, found: vec![StoredRecord { key, bytes }] }
    };
    let records = std::iter::repeat_with(record).take(MAX_RECORDS_PER_CALL).collect();
    Call { version: VERSION, http, records }
}

fn random(bytes: usize) -> Vec<u8> {
    let mut random = vec![0; bytes];
    OsRng.fill_bytes(&mut random);
    random
}

/// As many wallets as a user may have, with backups as large as they may be: all of them go in and come
/// out again in one call when the factors change.
async fn many_wallets(user: &User<'_>) -> Vec<Wallet> {
    let mut wallets = Vec::new();
    for _ in 0..MAX_WALLETS_PER_USER {
        let mut wallet = user.pending_wallet().await;
        wallet.backup = random(MAX_BACKUP_BYTES);
        user.activate(&wallet).await;
        wallets.push(wallet);
    }
    wallets
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn the_largest_calls_and_answers_and_signatures_beside_them_lose_no_byte() {
    let deployment = Deployment::start_with(Guests::new(Boots::Release).options()).await;
    let alice = User::newcomer(&deployment, "alice").await;
    let mut factor = alice.code_factor();
    let mut owner = alice.set_up_recovery(&[&factor]).await;
    let wallets = many_wallets(&alice).await;
    let bob = User::signed_in(&deployment, "bob").await;
    let bobs = bob.create_wallet().await;

    let call = largest_call();
    let bytes = codec::encode(&call).len();
    assert!(bytes > MAX_ENCLAVE_CALL_BYTES * 98 / 100 && bytes <= MAX_ENCLAVE_CALL_BYTES);
    let client = EnclaveClient::new(deployment.stack.enclave_addresses()[0]);
    let calls = async || {
        for _ in 0..TIMES {
            let reply = client.call(&call, None).await.unwrap();
            assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
        }
    };
    let rotations = async {
        for version in 1..=TIMES {
            let (old, new) = (factor.id(), alice.code_factor());
            let stored: Vec<_> = wallets.iter().map(|wallet| (wallet, version)).collect();
            let (post, changed) = alice.rotating(&owner, &[old], &[&new], &stored);
            assert!(post.request.body.len() > 1_200_000, "{}", post.request.body.len());
            let answer: FactorsChanged = post.open(&post.send(&deployment).await);
            assert_eq!(answer.generation, version + 1);
            (owner, factor) = (changed, new);
        }
    };
    let signatures = async {
        for number in 0..20 * TIMES {
            bob.sign(&bobs, &note(&format!("signature {number}"))).await;
        }
    };
    let started = Instant::now();
    tokio::join!(calls(), calls(), calls(), rotations, signatures);
    println!("large calls and signatures at once: {:.1?}", started.elapsed());

    for wallet in &wallets {
        let path = format!("/v1/wallets/{}/backup/open", wallet.id);
        let opened: BackupOpened = alice.ask(&path, &Plain::default()).await;
        assert_eq!((opened.backup.version, opened.backup.generation), (TIMES + 1, TIMES + 1));
        assert!(opened.backup.sealed == wallet.backup, "the backup of {} changed", wallet.id);
    }
}

/// How long the guest signs without a pause.
const SOAK: Duration = Duration::from_secs(60);
/// The first of it, in which caches fill and the allocator's arenas find their size.
const WARM_UP: Duration = Duration::from_secs(20);
/// What a signature may leave: its answer is kept for two minutes, for a client that asks again, and its
/// execution id and nonce for some more.
const BYTES_PER_SIGNATURE: u64 = 2 * 1024;
/// By how much the allocator may still grow, and the kernel's buffers.
const SLACK_BYTES: u64 = 4 << 20;
/// Who signs: a session may not sign more than ten times a second for long.
const SIGNERS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn a_minute_of_signatures_makes_no_error_and_takes_no_memory() {
    let guests = Guests::new(Boots::Release);
    let deployment = Deployment::start_with(guests.options()).await;
    let mut signers = Vec::new();
    for number in 0..SIGNERS {
        let user = User::signed_in(&deployment, &format!("signer-{number}")).await;
        let wallet = user.create_wallet().await;
        signers.push((user, wallet));
    }
    let end = Instant::now() + SOAK;
    let signing = signers.iter().map(async |(user, wallet)| {
        let mut signed = 0_u64;
        while Instant::now() < end {
            user.sign(wallet, &note(&format!("signature {signed}"))).await;
            signed += 1;
        }
        signed
    });
    let memory = async {
        tokio::time::sleep(WARM_UP).await;
        let warm = guests.resident_bytes();
        tokio::time::sleep(SOAK - WARM_UP).await;
        (warm, guests.resident_bytes())
    };
    let (signed, (warm, last)) = tokio::join!(join_all(signing), memory);
    let signed: u64 = signed.iter().sum();
    // The machine under the machine may take pages away.
    let grown = last.saturating_sub(warm);
    println!(
        "{:.1} signatures a second; {} MiB of the guest touched, {} KiB of it since the warm-up",
        signed as f64 / SOAK.as_secs_f64(),
        last >> 20,
        grown >> 10,
    );
    // KMS, the measurements, and the guest's clock after a minute without a pause.
    let to = deployment.authority();
    let ready = Request::get(&to, "/readyz").send(&to).await;
    assert_eq!(ready.status, 200, "{}", String::from_utf8_lossy(&ready.body));
    assert!(grown < SLACK_BYTES + signed * BYTES_PER_SIGNATURE, "{warm} became {last}");
}
