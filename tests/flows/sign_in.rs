//! Signing in the way the command does: discovery and the password grant at the identity provider,
//! over TLS under its own authority.

use sharekeep::{Error, IdentityProvider, PasswordGrant};
use sharekeep_local::world::TENANT;
use sharekeep_schemas::SecretText;
use sharekeep_schemas::http::{Page, SessionView};
use sharekeep_tests::{Deployment, Site, User};

struct SignIn {
    provider: IdentityProvider,
    password: SecretText,
}

impl SignIn {
    fn of(deployment: &Deployment, authorities_pem: &str) -> Self {
        let provider = &deployment.world().identity_provider;
        let url = provider.url().parse().unwrap();
        let password = std::fs::read_to_string(deployment.path("idp/alice.password")).unwrap();
        Self {
            provider: IdentityProvider::new(url, Some(authorities_pem)).unwrap(),
            password: SecretText::new(password.trim().to_owned()),
        }
    }

    async fn token(&self, user: &str, nonce: &str) -> Result<SecretText, Error> {
        let password = &self.password;
        self.provider.token(&PasswordGrant { client_id: TENANT, user, password, nonce }).await
    }
}

/// Signs in with a password, and once more as the same user.
pub(crate) async fn password_opens_a_session(deployment: Deployment) {
    let authority = std::fs::read_to_string(deployment.path("ca.pem")).unwrap();
    let alice = User::arrive(&deployment, "alice").await;
    let sign_in = SignIn::of(&deployment, &authority);
    let token = sign_in.token("alice", &alice.session_id().to_string()).await.unwrap();
    assert_eq!(alice.opening(token.expose()).send(&deployment).await.status, 200);
    // The same user as by any other token of that issuer.
    let again = User::arrive(&deployment, "alice").await;
    again.sign_in().await;
    let sessions: Page<SessionView> = again.get("/v1/sessions").await.json();
    assert_eq!(sessions.items.len(), 2);
}

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
