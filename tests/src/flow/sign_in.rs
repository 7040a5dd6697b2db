use crate::{Deployment, Site, User};
use sharekeep::{Error, IdentityProvider, PasswordGrant};
use sharekeep_local::world::TENANT;
use sharekeep_schemas::SecretText;
use sharekeep_schemas::http::{Page, SessionView};

/// A person at the identity provider.
pub struct SignIn {
    provider: IdentityProvider,
    password: SecretText,
}

impl SignIn {
    pub fn of(deployment: &Deployment, authorities_pem: &str) -> Self {
        let provider = &deployment.world().identity_provider;
        let url = provider.url().parse().unwrap();
        let password = std::fs::read_to_string(deployment.path("idp/alice.password")).unwrap();
        Self {
            provider: IdentityProvider::new(url, Some(authorities_pem)).unwrap(),
            password: SecretText::new(password.trim().to_owned()),
        }
    }

    pub async fn token(&self, user: &str, nonce: &str) -> Result<SecretText, Error> {
        let password = &self.password;
        self.provider.token(&PasswordGrant { client_id: TENANT, user, password, nonce }).await
    }
}

/// Signs in with a password, and once more as the same user.
pub async fn password_opens_a_session(deployment: Deployment) {
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
