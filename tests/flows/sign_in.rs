//! Signing in the way the command does: discovery and the password grant at the identity provider,
//! over TLS under its own authority.

use sharekeep::Error;
use sharekeep_tests::Deployment;
use sharekeep_tests::flow::{SignIn, password_opens_a_session};

#[tokio::test]
async fn a_password_at_the_identity_provider_opens_a_session() {
    password_opens_a_session(Deployment::start().await).await;
}

#[tokio::test]
async fn a_wrong_password_gets_no_token() {
    let deployment = Deployment::start().await;
    let authority = std::fs::read_to_string(deployment.path("ca.pem")).unwrap();
    let sign_in = SignIn::of(&deployment, &authority);
    // Alice's password is not bob's, and nobody is called eve.
    for user in ["bob", "eve"] {
        assert!(matches!(sign_in.token(user, "nonce").await, Err(Error::Token(_))));
    }
}

#[tokio::test]
async fn an_identity_provider_under_another_authority_is_not_asked() {
    let (deployment, other) = tokio::join!(Deployment::start(), Deployment::start());
    let authority = std::fs::read_to_string(other.path("ca.pem")).unwrap();
    let sign_in = SignIn::of(&deployment, &authority);
    assert!(matches!(sign_in.token("alice", "nonce").await, Err(Error::Unreachable(_))));
}
