use crate::Error;
use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha256};
use sharekeep_schemas::codec;
use sharekeep_schemas::trust::{HASH_LABEL, MAX_TRUST_BYTES, TrustConfiguration};
use std::collections::BTreeSet;

/// Most release keys: people, not machines.
const MAX_RELEASE_KEYS: usize = 16;
/// Most hosts beside KMS.
const MAX_EGRESS_HOSTS: usize = 64;

/// The trust configuration, checked.
pub struct Trust {
    configuration: TrustConfiguration,
    operator_key: VerifyingKey,
    hash: [u8; 32],
}

impl Trust {
    /// Decodes and checks it.
    ///
    /// # Errors
    /// [`Error::Configuration`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let configuration: TrustConfiguration = codec::decode(bytes, MAX_TRUST_BYTES)
            .map_err(|_| Error::Configuration("not of the expected shape"))?;
        let operator_key = check(&configuration).map_err(Error::Configuration)?;
        let hash = Sha256::new().chain_update(HASH_LABEL).chain_update(bytes).finalize();
        Ok(Self { configuration, operator_key, hash: hash.into() })
    }

    /// What it says.
    pub fn configuration(&self) -> &TrustConfiguration {
        &self.configuration
    }

    /// The key that signs tenants' documents.
    pub fn operator_key(&self) -> &VerifyingKey {
        &self.operator_key
    }

    /// Its hash, as an attested enclave states it to clients.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The host that KMS has in its region.
    pub fn kms_host(&self) -> String {
        format!("kms.{}.amazonaws.com", self.configuration.kms_region)
    }

    /// Whether an enclave with this configuration may dial `host:port` besides KMS.
    pub fn may_dial(&self, place: &str) -> bool {
        self.configuration.egress_hosts.iter().any(|known| known == place)
    }
}

fn check(configuration: &TrustConfiguration) -> Result<VerifyingKey, &'static str> {
    if configuration.version != 1 {
        return Err("unknown version");
    }
    if configuration.deployment.is_empty() || configuration.deployment.len() > 64 {
        return Err("the deployment's name must have 1 to 64 bytes");
    }
    check_region(&configuration.kms_region)?;
    check_key_arn(&configuration.kms_key_arn, &configuration.kms_region)?;
    check_release_keys(configuration)?;
    if configuration.egress_hosts.len() > MAX_EGRESS_HOSTS {
        return Err("too many hosts to dial");
    }
    if !configuration.egress_hosts.iter().all(|place| is_place(place)) {
        return Err("a host to dial is not host:port");
    }
    let key = VerifyingKey::from_bytes(&configuration.operator_key)
        .map_err(|_| "the operator key is not an Ed25519 key")?;
    // Under a weak key, one signature passes for many documents.
    if key.is_weak() { Err("the operator key is weak") } else { Ok(key) }
}

fn check_region(region: &str) -> Result<(), &'static str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.is_empty() || region.len() > 32 || !region.chars().all(plain) {
        return Err("not a region");
    }
    Ok(())
}

/// An alias could be pointed at another key.
fn check_key_arn(arn: &str, region: &str) -> Result<(), &'static str> {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let ["arn", _, "kms", place, account, key] = parts[..] else {
        return Err("the kms key must be named by its arn");
    };
    if account.len() != 12 || !account.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err("the kms key's arn names no account");
    }
    if !key.strip_prefix("key/").is_some_and(|id| !id.is_empty() && id.len() <= 64) {
        return Err("the kms key must be named by its id, not by an alias");
    }
    if place != region {
        return Err("the kms key is in another region");
    }
    Ok(())
}

fn check_release_keys(configuration: &TrustConfiguration) -> Result<(), &'static str> {
    let keys = &configuration.release_keys;
    if keys.len() > MAX_RELEASE_KEYS {
        return Err("too many release keys");
    }
    let distinct: BTreeSet<_> = keys.iter().map(|key| **key).collect();
    if distinct.len() != keys.len() {
        return Err("a release key is there twice: one signer would count as two");
    }
    let usable = |key: &[u8; 32]| VerifyingKey::from_bytes(key).is_ok_and(|key| !key.is_weak());
    if !distinct.iter().all(usable) {
        return Err("a release key is not an Ed25519 key, or weak");
    }
    // None at all means that no image is ever handed over to.
    let threshold = usize::try_from(configuration.release_threshold).unwrap_or(usize::MAX);
    if threshold > keys.len() || (threshold == 0) != keys.is_empty() {
        return Err("the threshold does not fit the number of release keys");
    }
    Ok(())
}

/// `host:port`, as it is compared: lower case, no scheme, no path.
fn is_place(place: &str) -> bool {
    let Some((host, port)) = place.rsplit_once(':') else { return false };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    !host.is_empty()
        && host.len() <= 253
        && host.chars().all(plain)
        && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use serde_bytes::ByteArray;

    fn key(seed: u8) -> ByteArray<32> {
        ByteArray::new(SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes())
    }

    fn example() -> TrustConfiguration {
        TrustConfiguration {
            version: 1,
            deployment: "example".to_owned(),
            operator_key: key(1),
            release_keys: vec![key(2), key(3), key(4)],
            release_threshold: 2,
            kms_key_arn: "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab".to_owned(),
            kms_region: "eu-central-1".to_owned(),
            kms_authorities_pem: None,
            egress_hosts: vec!["login.example:443".to_owned()],
        }
    }

    fn refusal(change: impl FnOnce(&mut TrustConfiguration)) -> &'static str {
        let mut configuration = example();
        change(&mut configuration);
        match Trust::from_bytes(&codec::encode(&configuration)) {
            Err(Error::Configuration(why)) => why,
            _ => panic!("it was accepted"),
        }
    }

    #[test]
    fn the_hash_is_of_the_bytes_that_are_measured() {
        let bytes = codec::encode(&example());
        let trust = Trust::from_bytes(&bytes).unwrap();
        assert_eq!(trust.hash()[..], Sha256::digest([HASH_LABEL, &bytes].concat())[..]);
        assert_eq!(trust.kms_host(), "kms.eu-central-1.amazonaws.com");
        assert!(trust.may_dial("login.example:443") && !trust.may_dial("login.example:80"));
    }

    #[test]
    fn an_alias_another_region_or_no_arn_is_refused() {
        let with = |arn: &'static str| refusal(|it| it.kms_key_arn = arn.to_owned());
        let region = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab";
        assert_eq!(with(region), "the kms key is in another region");
        let alias = "arn:aws:kms:eu-central-1:111122223333:alias/sharekeep";
        assert_eq!(with(alias), "the kms key must be named by its id, not by an alias");
        assert_eq!(with("1234abcd-12ab"), "the kms key must be named by its arn");
        let nobody = "arn:aws:kms:eu-central-1::key/1234abcd-12ab";
        assert_eq!(with(nobody), "the kms key's arn names no account");
    }

    #[test]
    fn a_signer_counts_once_and_a_threshold_can_be_met() {
        let twice = refusal(|it| it.release_keys[1] = it.release_keys[0]);
        assert!(twice.starts_with("a release key is there twice"));
        for threshold in [0, 4, u32::MAX] {
            assert!(refusal(|it| it.release_threshold = threshold).starts_with("the threshold"));
        }
        assert!(refusal(|it| it.release_keys.clear()).starts_with("the threshold"));
    }

    #[test]
    fn a_weak_key_or_one_that_is_none_is_refused() {
        // The neutral element: everything is signed under it.
        let mut weak = [0; 32];
        weak[0] = 1;
        assert_eq!(refusal(|it| it.operator_key = weak.into()), "the operator key is weak");
        let none = [2; 32];
        assert!(VerifyingKey::from_bytes(&none).is_err());
        assert!(refusal(|it| it.operator_key = none.into()).ends_with("not an Ed25519 key"));
        assert!(refusal(|it| it.release_keys[0] = weak.into()).starts_with("a release key is not"));
    }

    #[test]
    fn a_place_to_dial_is_a_host_and_a_port() {
        for place in ["login.example", "https://login.example:443", "a:0", "a:65536", ":443", "A:1"]
        {
            let why = refusal(|it| it.egress_hosts = vec![place.to_owned()]);
            assert_eq!(why, "a host to dial is not host:port", "{place}");
        }
    }

    #[test]
    fn another_version_a_name_or_region_that_cannot_be_and_other_bytes_are_refused() {
        assert_eq!(refusal(|it| it.version = 2), "unknown version");
        assert!(refusal(|it| it.deployment.clear()).contains("1 to 64 bytes"));
        assert_eq!(refusal(|it| it.kms_region = "EU".to_owned()), "not a region");
        let shape = Err(Error::Configuration("not of the expected shape"));
        assert_eq!(Trust::from_bytes(b"hello").map(|_| ()), shape);
        let large = vec![0; MAX_TRUST_BYTES + 1];
        assert_eq!(Trust::from_bytes(&large).map(|_| ()), shape);
    }
}
