//! Functions never see a token: neither from clients nor from the enclave.

use sharekeep_local::identity_provider::Signing;
use sharekeep_local::secrecy::forms_of;
use sharekeep_local::stack::StackOptions;
use sharekeep_tests::message::note;
use sharekeep_tests::{Deployment, User};

fn contains(traffic: &[u8], needle: &[u8]) -> bool {
    traffic.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn no_token_passes_through_the_functions() {
    let options = StackOptions { record: true, ..StackOptions::default() };
    let deployment = Deployment::start_with(options).await;
    let alice = User::arrive(&deployment, "alice").await;
    let token = alice.token().sign(Signing::Rs256).unwrap();
    alice.sign_in_with(&token).await;
    alice.ensure_recovery().await;
    let wallet = alice.create_wallet().await;
    alice.sign(&wallet, &note("tapped")).await;

    // The taps see what passes: the session's id is in both.
    let session = alice.session_id();
    let (client, enclave) =
        (deployment.stack.client_traffic().bytes(), deployment.stack.enclave_traffic().bytes());
    assert!(contains(&client, session.to_string().as_bytes()));
    assert!(contains(&enclave, session.as_bytes()));
    assert!(enclave.len() > 10_000 && client.len() > 10_000);

    // Of the token, no part in any form; nor what its claims say in the clear.
    for traffic in [&client, &enclave] {
        for part in token.split('.') {
            for (form, bytes) in forms_of(part.as_bytes()) {
                assert!(!contains(traffic, &bytes), "the token as {form}");
            }
        }
        assert!(!contains(traffic, alice.name.as_bytes()), "the user's name");
    }
}
