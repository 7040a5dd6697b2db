//! Nothing secret lies about: not in the store's files, not in the logs, not in the memory of the
//! functions' process. A canary planted in the same places is found first.

use sharekeep_local::secrecy::{CANARY, Canary, Form, Needle, Needles, search_dir, search_memory};
use sharekeep_local::{DataDir, reveal_secrets, secret_scalar};
use sharekeep_tests::ceremony::Wallet;
use sharekeep_tests::message::note;
use sharekeep_tests::{Processes, User};
use std::path::Path;

const PROGRAM: &str = env!("CARGO_BIN_EXE_stack-process");

/// What the device holds must not be anywhere either.
fn device_secrets(alice: &User<'_>, wallet: &Wallet) -> Vec<(String, Vec<u8>)> {
    let share = secret_scalar(&wallet.share.to_sealed_bytes()).unwrap();
    vec![
        ("device share".to_owned(), share.to_vec()),
        ("session key".to_owned(), alice.session_key.to_sealing_bytes()[1..].to_vec()),
        ("device identity key".to_owned(), alice.device_key.to_bytes().to_vec()),
    ]
}

/// The functions' process as it is now, searched.
fn functions_memory(processes: &Processes, needles: &Needles) {
    let pid = processes.supervisor.functions_pid().unwrap();
    let report = search_memory(needles, pid).unwrap();
    assert_eq!(report.forms_of(CANARY), Form::ALL.iter().copied().collect());
    assert_eq!(report.hits_without(CANARY).collect::<Vec<_>>(), Vec::<&_>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_share_and_no_data_key_lies_about() {
    let canary = Canary::random();
    let processes = Processes::start(Path::new(PROGRAM), &canary).await;
    let (wallet, mine, device) = {
        let alice = User::signed_in(&processes, "alice").await;
        let wallet = alice.create_wallet().await;
        for text in ["one", "two", "three"] {
            alice.sign(&wallet, &note(text)).await;
        }
        let mine = device_secrets(&alice, &wallet);
        (wallet, mine, alice.into_device())
    };
    let needles = |server: Vec<Needle>| {
        let own = mine.iter().map(|(name, bytes)| Needle::new(name, bytes.clone()));
        Needles::new(own.chain([canary.needle()]).chain(server).collect()).unwrap()
    };
    functions_memory(&processes, &needles(Vec::new()));

    // The server's secrets can be revealed only while the stack is stopped.
    let dir = processes.stop().await;
    let reveal = || reveal_secrets(&DataDir::open(dir.path()).unwrap()).unwrap();
    // Master key, two data keys, two deployment keys, one server share.
    assert_eq!(reveal().len(), 6);
    let all = needles(reveal());
    for place in ["store", "logs"] {
        let report = search_dir(&all, &dir.path().join(place)).unwrap();
        assert!(!report.forms_of(CANARY).is_empty(), "the search of {place} is blind");
        assert_eq!(report.hits_without(CANARY).collect::<Vec<_>>(), Vec::<&_>::new());
        assert!(report.skipped.is_empty(), "{:?}", report.skipped);
    }
    // The search does find the master key where it is: in the software KMS's own folder.
    let kms = search_dir(&all, &dir.path().join("kms")).unwrap();
    assert!(kms.hits_without(CANARY).any(|hit| hit.name == "kms master key"));

    // In a second life the same secrets are used again; the functions see none of them.
    let processes = Processes::start_in(dir, Path::new(PROGRAM), &canary).await;
    let alice = User::signed_in_on(device, &processes, "alice").await;
    alice.sign(&wallet, &note("four")).await;
    functions_memory(&processes, &all);
}
