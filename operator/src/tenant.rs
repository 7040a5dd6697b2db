//! Documents of tenants: written by people as TOML, signed away from the network, put into the table
//! from which enclaves are handed them.
//!
//! ```toml
//! version = 1
//! tenant = "shop"
//! serial = 1
//! origins = ["wallet.shop.example"]
//! session_lifetime_s = 900
//! requests_per_minute = 600
//!
//! [[issuers]]
//! issuer = "https://login.shop.example"
//! audiences = ["shop-app"]
//! algorithms = ["ES256"]
//! binding = "nonce"
//! keys.fetched.jwks_uri = "https://login.shop.example/jwks"
//! ```

use crate::{Error, KeyUse, Result, SealedKey};
use sharekeep_functions::store::{Store, StoredTenant};
use sharekeep_schemas::TenantId;
use sharekeep_schemas::tenant::{MAX_DOCUMENT_BYTES, TenantDocument};
use sharekeep_trust::Trust;
use std::path::Path;

/// What a new document comes after.
pub enum Current {
    /// Nothing: the tenant is new.
    Nothing,
    /// The document that holds now.
    Document(Box<TenantDocument>),
}

/// Reads a description. Fields that are not known are refused.
///
/// # Errors
/// [`Error::Usage`], with the place.
pub fn read_description(text: &str) -> Result<TenantDocument> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(Error::Usage("the description is too large".to_owned()));
    }
    toml::from_str(text).map_err(|error| Error::Usage(error.to_string().trim_end().to_owned()))
}

/// Writes a document as a person would: change it, raise the serial, sign it.
///
/// # Errors
/// [`Error::Usage`] if TOML has no form for it.
pub fn write_description(document: &TenantDocument) -> Result<String> {
    toml::to_string_pretty(document).map_err(|error| Error::Usage(error.to_string()))
}

/// Signs a document, if the deployment's enclaves could use it. The path is the key's, for the errors.
///
/// # Errors
/// [`Error::KeyUse`], [`Error::AnotherKey`], [`Error::Trust`] with the document's first fault,
/// [`Error::NotNewer`], [`Error::Usage`] if the current document is another tenant's.
pub fn sign(
    document: &TenantDocument,
    key: &SealedKey,
    path: &Path,
    trust: &Trust,
    current: &Current,
) -> Result<Vec<u8>> {
    if key.purpose() != KeyUse::Operator {
        let (found, wanted) = (key.purpose(), KeyUse::Operator);
        return Err(Error::KeyUse { path: path.to_owned(), found, wanted });
    }
    if key.public().to_bytes() != trust.operator_key().to_bytes() {
        return Err(Error::AnotherKey);
    }
    sharekeep_trust::check(document, trust)?;
    if let Current::Document(current) = current {
        if current.tenant != document.tenant {
            let why = format!("the current document is of the tenant {}", current.tenant);
            return Err(Error::Usage(why));
        }
        if document.serial <= current.serial {
            return Err(not_newer(document, current.serial));
        }
    }
    Ok(sharekeep_trust::sign(key.signing_key(), document))
}

/// Reads a signed document.
///
/// # Errors
/// [`Error::Trust`].
pub fn verify(bytes: &[u8], trust: &Trust) -> Result<TenantDocument> {
    Ok(sharekeep_trust::verify(trust.operator_key(), bytes)?)
}

/// Puts a signed document into the table, in place of an older one only, and reads it back.
///
/// # Errors
/// [`Error::Trust`] if the operator key did not sign it, [`Error::NotNewer`], [`Error::Stored`] if
/// something else comes back, [`Error::Store`].
pub async fn put(store: &Store, trust: &Trust, bytes: &[u8]) -> Result<TenantDocument> {
    let document = verify(bytes, trust)?;
    match store.put_tenant(&document.tenant, document.serial, bytes.to_vec()).await {
        Ok(()) => {}
        Err(sharekeep_functions::Error::Conflict) => {
            let current = store.tenant(&document.tenant).await?;
            let current = current.map_or(document.serial, |current| current.version);
            return Err(not_newer(&document, current));
        }
        Err(error) => return Err(error.into()),
    }
    let stored = store.tenant(&document.tenant).await?;
    // Somebody else may have put a newer one meanwhile; what must not be there is anything else.
    match stored {
        Some(stored) if stored.bytes == bytes => Ok(document),
        Some(stored) if checked(&stored, trust).is_ok_and(|it| it.serial > document.serial) => {
            Ok(document)
        }
        _ => Err(Error::Stored { tenant: document.tenant, why: "it is not what was written" }),
    }
}

/// A tenant's document, verified, with its signed bytes.
///
/// # Errors
/// [`Error::NoTenant`], [`Error::Stored`], [`Error::Store`].
pub async fn get(
    store: &Store,
    trust: &Trust,
    tenant: &TenantId,
) -> Result<(TenantDocument, Vec<u8>)> {
    let stored = store.tenant(tenant).await?.ok_or_else(|| Error::NoTenant(tenant.clone()))?;
    let document = checked(&stored, trust)?;
    Ok((document, stored.bytes))
}

/// Every tenant with its document, or why that is not to be trusted.
///
/// # Errors
/// [`Error::Store`].
pub async fn list(store: &Store, trust: &Trust) -> Result<Vec<(TenantId, Result<TenantDocument>)>> {
    let all = store.tenants().await?;
    Ok(all.into_iter().map(|it| (it.tenant.clone(), checked(&it, trust))).collect())
}

fn checked(stored: &StoredTenant, trust: &Trust) -> Result<TenantDocument> {
    let wrong = |why| Error::Stored { tenant: stored.tenant.clone(), why };
    let document =
        verify(&stored.bytes, trust).map_err(|_| wrong("the operator key did not sign it"))?;
    if document.tenant != stored.tenant {
        return Err(wrong("it is another tenant's"));
    }
    if document.serial != stored.version {
        return Err(wrong("it lies there under another serial"));
    }
    Ok(document)
}

fn not_newer(document: &TenantDocument, current: u64) -> Error {
    Error::NotNewer { tenant: document.tenant.clone(), serial: document.serial, current }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{NewTrust, encode};

    const TEXT: &str = r#"
        version = 1
        tenant = "shop"
        serial = 2
        origins = ["wallet.shop.example"]
        session_lifetime_s = 900
        requests_per_minute = 600

        [[issuers]]
        issuer = "https://login.shop.example"
        audiences = ["shop-app"]
        algorithms = ["ES256"]
        binding = "nonce"
        keys.fetched.jwks_uri = "https://login.shop.example/jwks"
    "#;

    fn document() -> TenantDocument {
        read_description(TEXT).unwrap()
    }

    fn operator() -> (SealedKey, Trust) {
        let key = SealedKey::generate(KeyUse::Operator, "operator").unwrap();
        let release = SealedKey::generate(KeyUse::Release, "release").unwrap();
        let bytes = encode(&NewTrust {
            deployment: "example".to_owned(),
            operator_key: key.public(),
            release_keys: vec![release.public()],
            release_threshold: 1,
            kms_key_arn: "arn:aws:kms:eu-central-1:111122223333:key/1234".to_owned(),
            egress_hosts: vec!["login.shop.example:443".to_owned()],
        });
        (key, Trust::from_bytes(&bytes.unwrap()).unwrap())
    }

    fn current(serial: u64) -> Current {
        Current::Document(Box::new(TenantDocument { serial, ..document() }))
    }

    fn signed(
        document: &TenantDocument,
        key: &SealedKey,
        trust: &Trust,
        after: &Current,
    ) -> Result<Vec<u8>> {
        sign(document, key, Path::new("key"), trust, after)
    }

    #[test]
    fn a_description_becomes_a_document_and_comes_back() {
        let (key, trust) = operator();
        let bytes = signed(&document(), &key, &trust, &Current::Nothing).unwrap();
        let verified = verify(&bytes, &trust).unwrap();
        assert_eq!(verified, document());
        let text = write_description(&verified).unwrap();
        assert_eq!(read_description(&text).unwrap(), document());
    }

    #[test]
    fn unknown_missing_and_doubled_fields_are_refused() {
        for (place, by) in [
            ("serial = 2", "serial = 2\nunlimited = true"),
            ("binding = \"nonce\"", "binding = \"nonce\"\ntrusted = true"),
            ("keys.fetched.jwks_uri", "keys.fetched.more = 1\nkeys.fetched.jwks_uri"),
            ("serial = 2", ""),
            ("binding = \"nonce\"", "binding = \"anything\""),
            ("serial = 2", "serial = 2\nserial = 3"),
            ("serial = 2", "serial = -1"),
        ] {
            assert!(TEXT.contains(place));
            assert!(read_description(&TEXT.replacen(place, by, 1)).is_err(), "{place} -> {by}");
        }
    }

    #[test]
    fn a_serial_that_does_not_come_after_the_current_one_is_not_signed() {
        let (key, trust) = operator();
        assert!(signed(&document(), &key, &trust, &current(1)).is_ok());
        for serial in [2, 3] {
            let refused = signed(&document(), &key, &trust, &current(serial));
            assert!(matches!(refused, Err(Error::NotNewer { serial: 2, .. })));
        }
    }

    #[test]
    fn a_current_document_of_another_tenant_is_no_excuse() {
        let (key, trust) = operator();
        let other = TenantDocument { tenant: "bank".parse().unwrap(), serial: 1, ..document() };
        let refused = signed(&document(), &key, &trust, &Current::Document(Box::new(other)));
        assert!(matches!(refused, Err(Error::Usage(_))));
    }

    #[test]
    fn a_release_key_and_a_strangers_key_sign_nothing() {
        let (_, trust) = operator();
        let release = SealedKey::generate(KeyUse::Release, "x").unwrap();
        let refused = signed(&document(), &release, &trust, &Current::Nothing);
        assert!(matches!(refused, Err(Error::KeyUse { .. })));
        let stranger = SealedKey::generate(KeyUse::Operator, "x").unwrap();
        let refused = signed(&document(), &stranger, &trust, &Current::Nothing);
        assert!(matches!(refused, Err(Error::AnotherKey)));
    }

    #[test]
    fn what_enclaves_could_not_use_is_not_signed() {
        let (key, trust) = operator();
        let mut document = document();
        document.origins.clear();
        let refused = signed(&document, &key, &trust, &Current::Nothing);
        assert!(matches!(refused, Err(Error::Trust(_))));
    }
}
