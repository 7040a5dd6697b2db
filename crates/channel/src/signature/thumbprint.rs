use crate::newtype::{base64url, public_bytes};
use sha2::{Digest, Sha256};

public_bytes! {
    /// Names a session key: its JWK thumbprint with SHA-256 (RFC 7638). Text form is base64url, the
    /// form in which `cnf.jkt` and our OIDC `nonce` bind a token to the key.
    KeyId, 32, base64url
}

/// The required members of a P-256 JWK in lexical order (RFC 7638 section 3.2).
pub(super) fn p256(key: &p256::ecdsa::VerifyingKey) -> KeyId {
    let point = key.to_encoded_point(false);
    let coordinates = &point.as_bytes()[1..];
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    hash(&format!(
        r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
        base64url::encode(x),
        base64url::encode(y)
    ))
}

/// The required members of an Ed25519 JWK (RFC 8037 section 2).
pub(super) fn ed25519(key: &[u8; 32]) -> KeyId {
    hash(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url::encode(key)))
}

fn hash(jwk: &str) -> KeyId {
    KeyId::from_bytes(Sha256::digest(jwk.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ed25519_thumbprint_is_that_of_rfc_8037_a_3() {
        let key = base64url::decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let id = ed25519(&key.try_into().unwrap());
        assert_eq!(id.to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    /// The key of RFC 9449 figure 2, whose thumbprint figure 12 gives.
    #[test]
    fn p256_thumbprint_is_that_of_rfc_9449() {
        let x = base64url::decode("l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs").unwrap();
        let y = base64url::decode("9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA").unwrap();
        let point = [&[4][..], &x, &y].concat();
        let key = ::p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
        assert_eq!(p256(&key).to_string(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }
}
