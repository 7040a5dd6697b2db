//! Signing in and out.

use crate::home::{Device, Session};
use crate::{Client, Error, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use rand_core::OsRng;
use sharekeep_channel::signature::{SessionAlgorithm, SessionSigningKey};
use sharekeep_schemas::http::{OpenSessionRequest, Page, SessionView};
use sharekeep_schemas::sealed::{
    OpenSession, Plain, SessionOpened, SessionRenewed, SessionRevoked, VERSION,
};
use sharekeep_schemas::{
    Scope, SecretText, SessionKeyAlgorithm, SessionKeyId, SessionPublicKey, limits,
};

/// How many pages of a listing are read at most; a service that never ends one is not believed.
const MAX_PAGES: usize = 100;

/// A session key that waits for its token. It is made first, because the token must be asked for
/// with the key's id as `nonce` (or with the key in `cnf`).
pub struct PendingSession {
    key: SessionSigningKey,
}

/// What a session is opened for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionWish {
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// A shorter life than the tenant's default, in seconds.
    pub lifetime_s: Option<u64>,
}

impl Default for SessionWish {
    fn default() -> Self {
        Self { scopes: Scope::ALL.to_vec(), lifetime_s: None }
    }
}

impl PendingSession {
    /// Makes a fresh key.
    pub fn generate() -> Self {
        Self { key: SessionSigningKey::generate(SessionAlgorithm::EcdsaP256Sha256, &mut OsRng) }
    }

    /// The text that the token must carry as `nonce` or as `cnf.jkt`.
    pub fn nonce(&self) -> String {
        self.key.public_key().key_id().to_string()
    }

    fn public_key(&self) -> Result<SessionPublicKey> {
        // The channel's text form is `algorithm:key`; the wire has two fields.
        let text = self.key.public_key().to_string();
        let malformed = || Error::Key(sharekeep_channel::Error::PublicKeyMalformed);
        let (_, key) = text.split_once(':').ok_or_else(malformed)?;
        let key = BASE64URL.decode(key).map_err(|_| malformed())?;
        Ok(SessionPublicKey { algorithm: SessionKeyAlgorithm::EcdsaP256Sha256, key })
    }
}

impl Client {
    /// Opens a session with a token that is bound to the pending session's key. The token leaves
    /// this device only inside the encapsulation.
    ///
    /// # Errors
    /// [`Error::Refused`] with one of the token's problem codes, among others.
    pub async fn open_session(
        &self,
        device: &Device,
        pending: PendingSession,
        token: SecretText,
        wish: &SessionWish,
    ) -> Result<Session> {
        if token.expose().len() > limits::MAX_TOKEN_BYTES {
            return Err(Error::Token("it is larger than any honest token".to_owned()));
        }
        let session_key = pending.public_key()?;
        let tenant = &self.settings.tenant;
        let (pending_ref, session_key_ref, token_ref) = (&pending, &session_key, &token);
        let opened: SessionOpened = self
            .with_enclave(|enclave| async move {
                let sealed = self.seal(
                    &enclave,
                    &pending_ref.key,
                    "/v1/sessions",
                    |pop| OpenSession {
                        version: VERSION,
                        tenant: tenant.clone(),
                        token: token_ref.clone(),
                        session_key: session_key_ref.clone(),
                        proof: pending_ref.key.prove_possession(pop).as_bytes().to_vec(),
                        device: device.id(),
                        device_identity_key: device.identity_key(),
                        device_proof: device.prove(pop),
                        scopes: wish.scopes.clone(),
                        lifetime_s: wish.lifetime_s,
                    },
                    |request| {
                        serde_json::to_vec(&OpenSessionRequest {
                            tenant: tenant.clone(),
                            session_key: session_key_ref.clone(),
                            enclave_key: request.enclave_key,
                            sealed: request.sealed,
                        })
                    },
                )?;
                self.post(&pending_ref.key, &sealed).await
            })
            .await?;
        Ok(Session {
            key: pending.key,
            tenant: tenant.clone(),
            user: opened.user,
            expires_at_unix_s: opened.expires_at_unix_s,
            token_unbound: opened.token_unbound,
        })
    }

    /// Prolongs a session.
    ///
    /// # Errors
    /// [`Error::Refused`] once it has ended or was renewed for as long as a token counts.
    pub async fn renew_session(&self, session: &mut Session) -> Result<()> {
        let path = format!("/v1/sessions/{}/renew", session.id());
        let (asking, path) = (&*session, path.as_str());
        let renewed: SessionRenewed = self
            .with_enclave(|enclave| async move {
                self.call(asking, &enclave, path, &Plain::default()).await
            })
            .await?;
        session.expires_at_unix_s = renewed.expires_at_unix_s;
        Ok(())
    }

    /// The user's sessions, as the store's routing columns show them.
    ///
    /// # Errors
    /// [`Error::Refused`], among others.
    pub async fn list_sessions(&self, session: &Session) -> Result<Vec<SessionView>> {
        self.list(session, "/v1/sessions").await
    }

    /// Ends a session: this one or another of the same user.
    ///
    /// # Errors
    /// [`Error::Refused`] if there is no such session.
    pub async fn revoke_session(&self, session: &Session, id: SessionKeyId) -> Result<()> {
        let path = format!("/v1/sessions/{id}/revoke");
        let path = path.as_str();
        self.with_enclave(|enclave| async move {
            self.call::<_, SessionRevoked>(session, &enclave, path, &Plain::default()).await
        })
        .await
        .map(|_| ())
    }

    pub(crate) async fn list<T: serde::de::DeserializeOwned>(
        &self,
        session: &Session,
        path: &str,
    ) -> Result<Vec<T>> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let query = cursor.as_ref().map(|cursor| format!("cursor={}", escape(cursor)));
            let page: Page<T> = self.get(session, path, query.as_deref()).await?;
            items.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(items);
            }
        }
        Err(Error::Answer("the listing does not end"))
    }
}

/// Percent-encodes a cursor (RFC 3986): it is the service's text, and must stay one parameter.
fn escape(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(b).to_string()
            }
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nonce_is_the_session_id_in_text() {
        let pending = PendingSession::generate();
        assert!(pending.nonce().parse::<SessionKeyId>().is_ok());
        assert_eq!(pending.public_key().unwrap().key.len(), 33);
    }

    #[test]
    fn a_cursor_cannot_smuggle_another_parameter() {
        assert_eq!(escape("a&limit=1#%"), "a%26limit%3D1%23%25");
    }
}
