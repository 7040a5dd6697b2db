use crate::message::note;
use crate::{Deployment, User};
use sharekeep_local::identity_provider::Signing;
use sharekeep_local::secrecy::{Needle, Needles, Report, search_dir};
use sharekeep_local::{DataDir, reveal_secrets, secret_scalar};

/// Long enough to be searched for.
const PASSCODE: &str = "a passcode that nobody else has";
/// Ids that travel in the clear: a search that does not find them is blind.
const IN_THE_CLEAR: &str = "session id";

/// What a user and their device know and say nobody but the enclave, or nobody at all.
async fn secrets_of_a_user(deployment: &Deployment) -> Vec<(&'static str, Vec<u8>)> {
    let alice = User::arrive(deployment, "alice").await;
    let token = alice.token().sign(Signing::Rs256).unwrap();
    alice.sign_in_with(&token).await;
    let made = alice.passcode_factor(PASSCODE).await;
    alice.set_up_recovery(&[&alice.code_factor(), &made]).await;
    let wallet = alice.create_wallet().await;
    alice.sign(&wallet, &note("carried by the host")).await;
    let guess = alice.guess(made.id(), PASSCODE);
    let started = alice.started(&guess).await;
    let ke3 = alice.ke3(made.id(), guess, &started);
    let finishing = alice.finishing(made.id(), ke3);
    finishing.send(deployment).await;

    let share = secret_scalar(&wallet.share.to_sealed_bytes()).unwrap();
    let mut secrets = vec![
        (IN_THE_CLEAR, alice.session_id().as_bytes().to_vec()),
        ("passcode", PASSCODE.as_bytes().to_vec()),
        ("device share", share.to_vec()),
        ("session key", alice.session_key.to_sealing_bytes()[1..].to_vec()),
        ("device identity key", alice.device_key.to_bytes().to_vec()),
    ];
    // Of the token, the claims and the signature; the head is the same for everybody.
    secrets.extend(token.split('.').skip(1).map(|part| ("token", part.as_bytes().to_vec())));
    secrets
}

fn search(needles: &Needles, traffic: &[u8]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("traffic"), traffic).unwrap();
    let report = search_dir(needles, folder.path()).unwrap();
    assert_eq!(report.bytes_searched, traffic.len() as u64);
    report
}

/// Looks at all that the host carried, on a stack that records it.
pub async fn all_that_the_host_carries_is_ciphertext(deployment: Deployment) {
    let mine = secrets_of_a_user(&deployment).await;
    let inwards = deployment.stack.enclave_traffic().bytes();
    let outwards = deployment.stack.egress_traffic().bytes();
    let dir = deployment.stop().await;

    // Master key, data keys, deployment keys, the server's share.
    let mut needles = reveal_secrets(&DataDir::open(dir.path()).unwrap()).unwrap();
    assert!(needles.iter().any(|needle| needle.name().contains("share")));
    needles.extend(mine.into_iter().map(|(name, bytes)| Needle::new(name, bytes)));
    let needles = Needles::new(needles).unwrap();

    let report = search(&needles, &inwards);
    assert!(!report.forms_of(IN_THE_CLEAR).is_empty(), "the search is blind");
    assert_eq!(report.hits_without(IN_THE_CLEAR).collect::<Vec<_>>(), Vec::<&_>::new());

    // On the way out only the names of places are in the clear.
    let report = search(&needles, &outwards);
    assert!(outwards.starts_with(b"CONNECT "));
    for place in ["kms.eu-central-1.amazonaws.com:443", "localhost:"] {
        let asked = format!("CONNECT {place}");
        assert!(outwards.windows(asked.len()).any(|window| window == asked.as_bytes()), "{asked}");
    }
    assert_eq!(report.hits, []);
}
