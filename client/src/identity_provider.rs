//! Getting a token from an identity provider, where that is possible without a browser: OIDC
//! discovery and the password grant that development providers offer.

use crate::address::ProviderUrl;
use crate::transport::{Answer, Transport};
use crate::{Error, Result};
use http::{HeaderMap, HeaderValue, Method, header};
use hyper::body::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use sharekeep_schemas::SecretText;
use zeroize::Zeroizing;

/// Largest discovery document or token answer, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// An identity provider.
pub struct IdentityProvider {
    issuer: ProviderUrl,
    transport: Transport,
}

/// What the password grant (RFC 6749 section 4.3) is asked with.
pub struct PasswordGrant<'a> {
    /// The client id registered at the provider; becomes the token's audience.
    pub client_id: &'a str,
    /// The user's name there.
    pub user: &'a str,
    /// The user's password there.
    pub password: &'a SecretText,
    /// Binds the token to a session key: [`crate::PendingSession::nonce`].
    pub nonce: &'a str,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    token_endpoint: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: SecretText,
}

#[derive(Deserialize)]
struct TokenRefusal {
    error: String,
}

impl IdentityProvider {
    /// A provider by its issuer URL.
    ///
    /// # Errors
    /// [`Error::Usage`] if the certificate authorities (PEM) are none.
    pub fn new(issuer: ProviderUrl, authorities_pem: Option<&str>) -> Result<Self> {
        Ok(Self { issuer, transport: Transport::new(authorities_pem)? })
    }

    /// Asks for an ID token.
    ///
    /// # Errors
    /// [`Error::Token`] if the provider refuses or answers for another issuer.
    pub async fn token(&self, grant: &PasswordGrant<'_>) -> Result<SecretText> {
        let endpoint = self.discover().await?;
        let body = form(&[
            ("grant_type", "password"),
            ("scope", "openid"),
            ("client_id", grant.client_id),
            ("username", grant.user),
            ("password", grant.password.expose()),
            ("nonce", grant.nonce),
        ]);
        let mut fields = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        fields.insert(header::CONTENT_TYPE, kind);
        let answer = self.send(Method::POST, &endpoint.to_string(), fields, &body).await?;
        read_token(answer.status, &answer.body)
    }

    async fn discover(&self) -> Result<ProviderUrl> {
        let url = self.issuer.below("/.well-known/openid-configuration");
        let answer = self.send(Method::GET, &url, HeaderMap::new(), "").await?;
        match answer.status {
            200 => read_discovery(&self.issuer, &answer.body),
            status => Err(Error::Token(format!("discovery answered status {status}"))),
        }
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        fields: HeaderMap,
        body: &str,
    ) -> Result<Answer> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.transport.send(method, url, fields, body, MAX_ANSWER_BYTES).await
    }
}

/// The token endpoint that a discovery document names.
pub(crate) fn read_discovery(issuer: &ProviderUrl, body: &[u8]) -> Result<ProviderUrl> {
    let discovery: Discovery = read(body)?;
    // A provider that speaks for another issuer mixes up whom the password goes to
    // (OpenID Connect Discovery section 4.3).
    if discovery.issuer.trim_end_matches('/') != issuer.to_string().trim_end_matches('/') {
        return Err(Error::Token("its discovery document is another issuer's".to_owned()));
    }
    discovery.token_endpoint.parse()
}

/// The token in an answer, or why there is none.
pub(crate) fn read_token(status: u16, body: &[u8]) -> Result<SecretText> {
    if status == 200 {
        return read::<TokenAnswer>(body).map(|token| token.id_token);
    }
    let refusal: TokenRefusal = read(body)?;
    let plain = refusal.error.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    Err(Error::Token(if plain { refusal.error } else { "an unknown error".to_owned() }))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body)
        .map_err(|_| Error::Token("its answer is not understood".to_owned()))
}

/// `application/x-www-form-urlencoded`. Everything but unreserved characters is escaped.
fn form(fields: &[(&str, &str)]) -> Zeroizing<String> {
    let longest = fields.iter().map(|(name, value)| name.len() + 3 * value.len() + 2).sum();
    let mut text = Zeroizing::new(String::with_capacity(longest));
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    text.push(char::from(byte));
                }
                _ => {
                    text.push('%');
                    text.push(char::from(b"0123456789ABCDEF"[usize::from(byte >> 4)]));
                    text.push(char::from(b"0123456789ABCDEF"[usize::from(byte & 15)]));
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_cannot_add_a_field() {
        let body = form(&[("username", "alice"), ("password", "p&nonce=x ü")]);
        assert_eq!(*body, "username=alice&password=p%26nonce%3Dx%20%C3%BC");
    }

    #[test]
    fn the_form_of_a_password_never_moves_in_memory() {
        let password = "&".repeat(1000);
        let body = form(&[("password", &password)]);
        assert!(body.len() <= body.capacity() && body.capacity() <= 3 * 1000 + 16);
    }
}
