//! The trust configuration: what is measured into an image, and so decides whom it believes.

use crate::{Error, PublicKey, Result};
use serde_bytes::ByteArray;
use sharekeep_schemas::codec;
use sharekeep_schemas::trust::TrustConfiguration;
use sharekeep_trust::Trust;

/// What a new trust configuration says.
#[derive(Clone, Debug)]
pub struct NewTrust {
    /// The deployment's name.
    pub deployment: String,
    /// Signs documents of tenants.
    pub operator_key: PublicKey,
    /// Sign release manifests.
    pub release_keys: Vec<PublicKey>,
    /// How many of them must have signed.
    pub release_threshold: u32,
    /// The key that the image uses; its region is the deployment's.
    pub kms_key_arn: String,
    /// `host:port` of every place besides KMS that the image may dial.
    pub egress_hosts: Vec<String>,
}

/// Encodes a configuration, if an enclave would accept it.
///
/// # Errors
/// [`Error::Trust`], or [`Error::Usage`] if nobody could ever release a next image.
pub fn encode(new: &NewTrust) -> Result<Vec<u8>> {
    if new.release_keys.is_empty() {
        return Err(Error::Usage(
            "without a release key no image can hand over to the next".into(),
        ));
    }
    let key = |key: &PublicKey| ByteArray::new(key.to_bytes());
    let bytes = codec::encode(&TrustConfiguration {
        version: 1,
        deployment: new.deployment.clone(),
        operator_key: key(&new.operator_key),
        release_keys: new.release_keys.iter().map(key).collect(),
        release_threshold: new.release_threshold,
        kms_key_arn: new.kms_key_arn.clone(),
        kms_region: new.kms_key_arn.split(':').nth(3).unwrap_or_default().to_owned(),
        kms_authorities_pem: None,
        egress_hosts: new.egress_hosts.clone(),
    });
    Trust::from_bytes(&bytes)?;
    Ok(bytes)
}

/// What an operator should know before he builds an image with it.
pub fn weaknesses(trust: &Trust) -> Vec<String> {
    let configuration = trust.configuration();
    let mut found = Vec::new();
    if configuration.release_threshold == 1 {
        found.push(
            "one signer alone can release the next image; let two of three be needed".to_owned(),
        );
    }
    if configuration.release_keys.contains(&configuration.operator_key) {
        found.push("the operator key is a release key too: let other people hold those".to_owned());
    }
    if configuration.kms_authorities_pem.is_some() {
        found.push(
            "KMS is believed under certificate authorities of its own: not for AWS".to_owned(),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyUse, SealedKey};

    fn key() -> PublicKey {
        SealedKey::generate(KeyUse::Release, "x").unwrap().public()
    }

    fn example() -> NewTrust {
        NewTrust {
            deployment: "example".to_owned(),
            operator_key: key(),
            release_keys: vec![key(), key(), key()],
            release_threshold: 2,
            kms_key_arn: "arn:aws:kms:eu-central-1:111122223333:key/1234".to_owned(),
            egress_hosts: vec!["login.example:443".to_owned()],
        }
    }

    #[test]
    fn an_enclave_accepts_what_is_written() {
        let trust = Trust::from_bytes(&encode(&example()).unwrap()).unwrap();
        assert_eq!(trust.configuration().kms_region, "eu-central-1");
        assert_eq!(weaknesses(&trust), [""; 0]);
    }

    #[test]
    fn what_an_enclave_would_refuse_is_not_written() {
        let alias = "arn:aws:kms:eu-central-1:111122223333:alias/x".to_owned();
        assert!(encode(&NewTrust { kms_key_arn: alias, ..example() }).is_err());
        assert!(encode(&NewTrust { kms_key_arn: String::new(), ..example() }).is_err());
        assert!(encode(&NewTrust { release_threshold: 4, ..example() }).is_err());
        assert!(
            encode(&NewTrust { release_keys: vec![], release_threshold: 0, ..example() }).is_err()
        );
    }

    #[test]
    fn what_one_person_can_do_alone_is_pointed_out() {
        let mut new = NewTrust { release_threshold: 1, ..example() };
        new.release_keys[0] = new.operator_key;
        let trust = Trust::from_bytes(&encode(&new).unwrap()).unwrap();
        assert_eq!(weaknesses(&trust).len(), 2);
    }
}
