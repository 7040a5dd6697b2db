//! Things that happen at the same time.

use sharekeep_local::identity_provider::Signing;
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::http::{Page, WalletView};
use sharekeep_schemas::sealed::{Plain, SessionOpened};
use sharekeep_tests::message::note;
use sharekeep_tests::{Answer, Deployment, SealedPost, Site, User};

/// Sends until it is served: conflicts are for the client to retry, identically.
async fn insist(user: &User<'_>, post: &mut SealedPost) -> Answer {
    for _ in 0..20 {
        let answer = post.send(user.deployment).await;
        if answer.status == 200 {
            return answer;
        }
        let code = answer.problem();
        assert!(matches!(code, ProblemCode::Conflict | ProblemCode::IdempotencyInFlight), "{code}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        post.request.sign(&user.session_key);
    }
    panic!("never served");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_first_logins_at_once_make_one_set_of_keys() {
    let deployment = Deployment::start().await;
    let (alice, bob) =
        tokio::join!(User::arrive(&deployment, "alice"), User::arrive(&deployment, "bob"));
    let mut alices = alice.opening(&alice.token().sign(Signing::Rs256).unwrap());
    let mut bobs = bob.opening(&bob.token().sign(Signing::Rs256).unwrap());
    let (to_alice, to_bob) = tokio::join!(insist(&alice, &mut alices), insist(&bob, &mut bobs));
    for (user, opening, answer) in [(&alice, &alices, &to_alice), (&bob, &bobs, &to_bob)] {
        user.id.get_or_init(|| opening.open::<SessionOpened>(answer).user);
        user.ensure_recovery().await;
    }
    let counts = deployment.counts();
    let count = |table: &str| {
        counts.iter().find(|(name, _)| name.ends_with(table)).map_or(0, |(_, count)| *count)
    };
    // One data key for the tenant, one for the deployment; one pair of deployment keys.
    assert_eq!(count("data_keys"), 2);
    assert_eq!(count("metadata"), 1);
    // Both can work with what was made.
    let (hers, his) = (alice.create_wallet().await, bob.create_wallet().await);
    alice.sign(&hers, &note("hers")).await;
    bob.sign(&his, &note("his")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_idempotency_key_twice_at_once_is_served_once() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let mut one = alice.post(&format!("/v1/wallets/{}/archive", wallet.id), &Plain::default());
    let mut other = one.request.clone();
    other.sign(&alice.session_key);
    let authority = deployment.authority();
    let (first, second) = tokio::join!(one.send(&deployment), other.send(&authority));
    let mut served = Vec::new();
    for answer in [first, second] {
        if answer.status == 200 {
            served.push(answer.body);
        } else {
            assert_eq!(answer.problem(), ProblemCode::IdempotencyInFlight);
        }
    }
    one.request.sign(&alice.session_key);
    served.push(insist(&alice, &mut one).await.body);
    assert!(served.len() >= 2);
    assert!(served.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_used_twice_at_once_opens_one_session() {
    let deployment = Deployment::start().await;
    // Keys first, so that only the token is fought over.
    User::signed_in(&deployment, "bob").await;
    let alice = User::arrive(&deployment, "alice").await;
    let token = alice.token().sign(Signing::Rs256).unwrap();
    let (one, other) = (alice.opening(&token), alice.opening(&token));
    let (first, second) = tokio::join!(one.send(&deployment), other.send(&deployment));
    let served = [&first, &second].iter().filter(|answer| answer.status == 200).count();
    assert_eq!(served, 1);
    let refused = if first.status == 200 { second } else { first };
    assert_eq!(refused.problem(), ProblemCode::TokenUsed);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_ceremonies_of_one_user_run_side_by_side() {
    let deployment = Deployment::start().await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    let (a, b, c, d) = (note("a"), note("b"), note("c"), note("d"));
    let signatures = tokio::join!(
        alice.sign(&wallet, &a),
        alice.sign(&wallet, &b),
        alice.sign(&wallet, &c),
        alice.sign(&wallet, &d),
    );
    assert_ne!(signatures.0, signatures.1);
    assert_eq!(alice.get("/v1/wallets").await.json::<Page<WalletView>>().items.len(), 1);
}
