use crate::{Error, Trust};
use sharekeep_schemas::TokenBinding;
use sharekeep_schemas::limits::SESSION_LIFETIME_S;
use sharekeep_schemas::tenant::{Issuer, IssuerKeys, TenantDocument};
use std::collections::BTreeSet;

/// The signature algorithms that an enclave verifies tokens with.
const ALGORITHMS: &[&str] = &["RS256", "PS256", "ES256", "ES384", "EdDSA"];
/// Most identity providers of a tenant.
const MAX_ISSUERS: usize = 16;
/// Most entries of any other list.
const MAX_ENTRIES: usize = 32;
/// Longest name or address, in bytes.
const MAX_TEXT_BYTES: usize = 512;
/// Largest signed form: what is around the document takes less than the difference.
const MAX_ENCODED_BYTES: usize = sharekeep_schemas::tenant::MAX_DOCUMENT_BYTES - 256;

/// Something that is allowed, and that an operator should mean.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weakness {
    /// Tokens of this issuer are not bound to the device that asked for them: whoever steals one
    /// can open a session with it.
    UnboundTokens(String),
}

impl std::fmt::Display for Weakness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnboundTokens(issuer) => write!(
                f,
                "tokens of {issuer} are not bound to a device: whoever steals one can sign in with \
                 it; use the binding nonce or cnf-jkt"
            ),
        }
    }
}

/// What an operator should know before he signs.
#[must_use]
pub fn weaknesses(document: &TenantDocument) -> Vec<Weakness> {
    let unbound = document.issuers.iter().filter(|it| it.binding == TokenBinding::None);
    unbound.map(|it| Weakness::UnboundTokens(it.issuer.clone())).collect()
}

/// Looks for what nobody means: a document that no token could satisfy, or whose keys the deployment's
/// enclaves cannot fetch.
///
/// # Errors
/// [`Error::Document`], the first fault.
pub fn check(document: &TenantDocument, trust: &Trust) -> Result<(), Error> {
    fault(document, trust).map_or(Ok(()), |fault| Err(Error::Document(fault)))
}

fn fault(document: &TenantDocument, trust: &Trust) -> Option<String> {
    if document.version != 1 {
        return Some("the version must be 1".to_owned());
    }
    if document.serial == 0 {
        return Some("the serial begins with 1".to_owned());
    }
    if !(1..=SESSION_LIFETIME_S).contains(&document.session_lifetime_s) {
        return Some(format!("session_lifetime_s must be 1 to {SESSION_LIFETIME_S}"));
    }
    if document.requests_per_minute == 0 {
        return Some("requests_per_minute must not be 0".to_owned());
    }
    if document.origins.is_empty() || document.origins.len() > MAX_ENTRIES {
        return Some(format!("there must be 1 to {MAX_ENTRIES} origins"));
    }
    if let Some(origin) = document.origins.iter().find(|it| !is_origin(it)) {
        return Some(format!("the origin {origin:?} is not host or host:port in lower case"));
    }
    if document.issuers.is_empty() || document.issuers.len() > MAX_ISSUERS {
        return Some(format!("there must be 1 to {MAX_ISSUERS} issuers"));
    }
    let names: BTreeSet<_> = document.issuers.iter().map(|it| &it.issuer).collect();
    if names.len() != document.issuers.len() {
        return Some("an issuer is there twice: give it several audiences".to_owned());
    }
    let fault = document.issuers.iter().find_map(|issuer| {
        let fault = fault_of_issuer(issuer, trust)?;
        Some(format!("issuer {:?}: {fault}", issuer.issuer))
    });
    if fault.is_none() && sharekeep_schemas::codec::encode(document).len() > MAX_ENCODED_BYTES {
        return Some("the document is too large".to_owned());
    }
    fault
}

fn fault_of_issuer(issuer: &Issuer, trust: &Trust) -> Option<String> {
    let usable = |text: &String| !text.is_empty() && text.len() <= MAX_TEXT_BYTES;
    if !usable(&issuer.issuer) {
        return Some(format!("its name must have 1 to {MAX_TEXT_BYTES} bytes"));
    }
    if issuer.audiences.is_empty()
        || issuer.audiences.len() > MAX_ENTRIES
        || !issuer.audiences.iter().all(usable)
    {
        return Some(format!("there must be 1 to {MAX_ENTRIES} audiences, none of them empty"));
    }
    if issuer.algorithms.is_empty() {
        return Some("no algorithm is accepted".to_owned());
    }
    if let Some(unknown) = issuer.algorithms.iter().find(|it| !ALGORITHMS.contains(&it.as_str())) {
        return Some(format!("{unknown:?} is none of the algorithms {}", ALGORITHMS.join(", ")));
    }
    match &issuer.keys {
        IssuerKeys::Fetched { jwks_uri, .. } => match place_of(jwks_uri) {
            None => Some(format!("the keys' address {jwks_uri:?} is not https://host[:port]/…")),
            Some(place) if !trust.may_dial(&place) => Some(format!(
                "the enclaves of this deployment may not dial {place}: it is not in the trust \
                 configuration; pin the keys in the document instead"
            )),
            Some(_) => None,
        },
        IssuerKeys::Pinned { jwks_json } => {
            let set: Option<serde_json::Value> = serde_json::from_str(jwks_json).ok();
            let keys = set.as_ref().and_then(|it| it["keys"].as_array());
            keys.is_none_or(Vec::is_empty).then(|| "the pinned keys are no JWK set".to_owned())
        }
    }
}

/// `host:port` of an `https` address.
fn place_of(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("https://").filter(|_| uri.len() <= MAX_TEXT_BYTES)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest).to_ascii_lowercase();
    // User names have no place here, and would hide the host.
    if authority.is_empty() || authority.contains('@') {
        return None;
    }
    Some(if authority.contains(':') { authority } else { format!("{authority}:443") })
}

/// What a client signs as `@authority`: compared as it is written.
fn is_origin(origin: &str) -> bool {
    let (host, port) = origin.rsplit_once(':').map_or((origin, None), |(h, p)| (h, Some(p)));
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    !host.is_empty()
        && host.len() <= 253
        && host.chars().all(plain)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use serde_bytes::ByteArray;
    use sharekeep_schemas::codec;
    use sharekeep_schemas::trust::TrustConfiguration;

    pub(crate) fn example() -> TenantDocument {
        TenantDocument {
            version: 1,
            tenant: "shop".parse().unwrap(),
            serial: 1,
            issuers: vec![Issuer {
                issuer: "https://login.example".to_owned(),
                audiences: vec!["shop-app".to_owned()],
                algorithms: vec!["ES256".to_owned()],
                keys: IssuerKeys::Fetched {
                    jwks_uri: "https://login.example/jwks".to_owned(),
                    authorities_pem: None,
                },
                binding: TokenBinding::Nonce,
            }],
            origins: vec!["wallet.example".to_owned(), "wallet.example:8443".to_owned()],
            session_lifetime_s: 900,
            requests_per_minute: 600,
        }
    }

    fn trust() -> Trust {
        let operator = SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes();
        let configuration = TrustConfiguration {
            version: 1,
            deployment: "example".to_owned(),
            operator_key: ByteArray::new(operator),
            release_keys: vec![],
            release_threshold: 0,
            kms_key_arn: "arn:aws:kms:eu-central-1:111122223333:key/1234".to_owned(),
            kms_region: "eu-central-1".to_owned(),
            kms_authorities_pem: None,
            egress_hosts: vec!["login.example:443".to_owned()],
        };
        Trust::from_bytes(&codec::encode(&configuration)).unwrap()
    }

    fn refusal(change: impl FnOnce(&mut TenantDocument)) -> String {
        let mut document = example();
        change(&mut document);
        check(&document, &trust()).unwrap_err().to_string()
    }

    #[test]
    fn a_sound_document_passes_and_has_no_weakness() {
        assert_eq!(check(&example(), &trust()), Ok(()));
        assert_eq!(weaknesses(&example()), []);
    }

    #[test]
    fn unbound_tokens_are_named_by_their_issuer() {
        let mut document = example();
        document.issuers[0].binding = TokenBinding::None;
        let issuer = document.issuers[0].issuer.clone();
        assert_eq!(weaknesses(&document), [Weakness::UnboundTokens(issuer)]);
        assert_eq!(check(&document, &trust()), Ok(()));
    }

    #[test]
    fn keys_that_the_enclave_may_not_fetch_are_found_before_signing() {
        let with = |uri: &str| {
            refusal(|it| {
                let jwks_uri = uri.to_owned();
                it.issuers[0].keys = IssuerKeys::Fetched { jwks_uri, authorities_pem: None };
            })
        };
        assert!(with("https://other.example/jwks").contains("may not dial other.example:443"));
        assert!(with("https://login.example:8443/jwks").contains("may not dial"));
        assert!(with("http://login.example/jwks").contains("is not https://"));
        assert!(with("https://login.example@evil.example/jwks").contains("is not https://"));
        assert!(with("https:///jwks").contains("is not https://"));
    }

    #[test]
    fn pinned_keys_must_be_a_set_with_keys() {
        let with = |json: &str| {
            refusal(|it| it.issuers[0].keys = IssuerKeys::Pinned { jwks_json: json.to_owned() })
        };
        for json in ["", "{}", "[]", r#"{"keys": []}"#, r#"{"keys": 1}"#] {
            assert!(with(json).contains("no JWK set"), "{json}");
        }
        let mut document = example();
        let jwks_json = r#"{"keys": [{"kty": "EC"}]}"#.to_owned();
        document.issuers[0].keys = IssuerKeys::Pinned { jwks_json };
        assert_eq!(check(&document, &trust()), Ok(()));
    }

    #[test]
    fn algorithms_that_let_a_verifier_sign_are_refused() {
        for algorithm in ["none", "HS256", "es256", ""] {
            let why = refusal(|it| it.issuers[0].algorithms.push(algorithm.to_owned()));
            assert!(why.contains("none of the algorithms"), "{algorithm}");
        }
        assert!(refusal(|it| it.issuers[0].algorithms.clear()).contains("no algorithm"));
    }

    #[test]
    fn origins_are_hosts_as_clients_sign_them() {
        for origin in
            ["https://wallet.example", "wallet.example/", "Wallet.example", "", "a:", "a:0"]
        {
            let why = refusal(|it| it.origins = vec![origin.to_owned()]);
            assert!(why.contains("is not host"), "{origin}: {why}");
        }
        assert!(refusal(|it| it.origins.clear()).contains("origins"));
    }

    #[test]
    fn numbers_that_nobody_means_are_refused() {
        assert!(refusal(|it| it.serial = 0).contains("serial"));
        assert!(refusal(|it| it.version = 2).contains("version"));
        assert!(refusal(|it| it.session_lifetime_s = 0).contains("session_lifetime_s"));
        assert!(refusal(|it| it.session_lifetime_s = 901).contains("session_lifetime_s"));
        assert!(refusal(|it| it.requests_per_minute = 0).contains("requests_per_minute"));
    }

    #[test]
    fn who_says_who_the_users_are_is_said_once() {
        assert!(refusal(|it| it.issuers.clear()).contains("issuers"));
        assert!(refusal(|it| it.issuers.push(it.issuers[0].clone())).contains("twice"));
        assert!(refusal(|it| it.issuers[0].audiences.clear()).contains("audiences"));
        let empty = refusal(|it| it.issuers[0].audiences.push(String::new()));
        assert!(empty.contains("audiences"));
    }

    #[test]
    fn what_would_not_fit_an_enclave_is_not_signed() {
        let json = format!(r#"{{"keys": [{:?}]}}"#, "x".repeat(MAX_ENCODED_BYTES));
        let why = refusal(|it| it.issuers[0].keys = IssuerKeys::Pinned { jwks_json: json });
        assert!(why.contains("too large"));
    }
}
