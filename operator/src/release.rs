//! Releases: what signers say of an image that was built, one after the other and away from the network,
//! and what users are handed of it.

use crate::{Error, KeyUse, Result, SealedKey};
use sharekeep_channel::attestation::PcrSet;
use sharekeep_functions::store::Store;
use sharekeep_image::{Digest, Manifest};
use sharekeep_release::{ManifestHash, Release, ReleaseKey, ReleaseKeys, Releases, SignedRelease};
use sharekeep_trust::Trust;
use std::path::Path;

/// The release keys of a trust configuration, as clients pin them.
///
/// # Errors
/// [`Error::Release`] if it has none.
pub fn keys(trust: &Trust) -> Result<ReleaseKeys> {
    let it = trust.configuration();
    let keys = it.release_keys.iter().map(|key| ReleaseKey::from_bytes(key));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let threshold = usize::try_from(it.release_threshold).unwrap_or(usize::MAX);
    Ok(ReleaseKeys::new(&it.deployment, threshold, keys)?)
}

/// Writes a release of the image that a manifest describes. Nobody has signed it yet.
///
/// # Errors
/// [`Error::Manifest`], or [`Error::Release`] if the versions cannot be.
pub fn propose(
    manifest: &str,
    trust: &Trust,
    version: u64,
    minimum_version: u64,
) -> Result<SignedRelease> {
    let (measured, hash) = read_manifest(manifest)?;
    let deployment = &trust.configuration().deployment;
    let release = Release::new(deployment, version, minimum_version, measured, Some(hash))?;
    Ok(SignedRelease::unsigned(release))
}

/// Adds a signature. A manifest is that of the signer's own build: what is signed must be of it. The path
/// is the key's, for the errors.
///
/// # Errors
/// [`Error::KeyUse`], [`Error::AnotherKey`] if the key is none of the trust configuration's,
/// [`Error::Manifest`], [`Error::Release`].
pub fn sign(
    signed: &mut SignedRelease,
    key: &SealedKey,
    path: &Path,
    trust: &Trust,
    manifest: Option<&str>,
) -> Result<()> {
    if key.purpose() != KeyUse::Release {
        let (found, wanted) = (key.purpose(), KeyUse::Release);
        return Err(Error::KeyUse { path: path.to_owned(), found, wanted });
    }
    let keys = keys(trust)?;
    let own = ReleaseKey::from_bytes(&key.public().to_bytes())?;
    if !keys.keys().contains(&own) {
        return Err(Error::AnotherKey);
    }
    let release = signed.unverified();
    if release.deployment() != keys.deployment() {
        let (found, wanted) = (release.deployment().to_owned(), keys.deployment().to_owned());
        return Err(sharekeep_release::Error::Deployment { found, wanted }.into());
    }
    if let Some(manifest) = manifest {
        let (measured, hash) = read_manifest(manifest)?;
        if release.measurements() != measured {
            return Err(Error::Manifest("its image is not the release's".to_owned()));
        }
        if release.manifest_sha256() != Some(hash) {
            let why = "its image is the release's, but the manifest is another one";
            return Err(Error::Manifest(why.to_owned()));
        }
    }
    Ok(signed.sign(key.signing_key())?)
}

/// Hands these releases to users, in place of what they were handed before. All of them must hold side by
/// side.
///
/// # Errors
/// [`Error::Release`] if users would not accept one of them, [`Error::Store`].
pub async fn publish(store: &Store, trust: &Trust, given: &[SignedRelease]) -> Result<Releases> {
    let releases = accepted(&keys(trust)?, given)?;
    let texts: Vec<_> = releases.signed().iter().map(SignedRelease::to_text).collect();
    store.put_releases(&texts).await?;
    if store.releases().await? == texts {
        Ok(releases)
    } else {
        Err(Error::Usage("what users are handed is not what was written: publish again".to_owned()))
    }
}

/// What users are handed now, as far as it is signed.
///
/// # Errors
/// [`Error::Release`] if one of them is not, [`Error::Store`].
pub async fn published(store: &Store, trust: &Trust) -> Result<Releases> {
    let texts = store.releases().await?;
    let given = texts.iter().map(|text| SignedRelease::parse(text));
    accepted(&keys(trust)?, &given.collect::<Result<Vec<_>, _>>()?)
}

/// The highest first: who withdraws another shows it at once.
fn accepted(keys: &ReleaseKeys, given: &[SignedRelease]) -> Result<Releases> {
    let mut given: Vec<_> = given.iter().collect();
    given.sort_by_key(|signed| std::cmp::Reverse(signed.unverified().version()));
    let mut releases = Releases::none();
    for signed in given {
        releases.add(keys, signed.clone())?;
    }
    Ok(releases)
}

fn read_manifest(text: &str) -> Result<(PcrSet, ManifestHash)> {
    let manifest = Manifest::parse(text).map_err(|error| Error::Manifest(error.to_string()))?;
    let measured = manifest.measurements;
    let measured = PcrSet::from([measured.pcr0.0, measured.pcr1.0, measured.pcr2.0]);
    Ok((measured, ManifestHash(Digest::of(text.as_bytes()).0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{NewTrust, encode};
    use sharekeep_image::{Entry, Image, Ramdisk};
    use std::collections::BTreeMap;

    fn manifest(kernel: &str) -> String {
        let boot = Ramdisk::new([("dev", Entry::Folder)]).unwrap();
        let part = |name| Ramdisk::new([(name, Entry::Program(b"\x7fELF".to_vec()))]).unwrap();
        let parts = [boot, part("init"), part("trust")];
        let image = Image::new(kernel.as_bytes().to_vec(), "panic=1", parts).unwrap();
        let none = BTreeMap::new;
        Manifest::of(&image, "here".to_owned(), none(), BTreeMap::new()).to_text()
    }

    fn signers() -> [SealedKey; 3] {
        ["a", "b", "c"].map(|name| SealedKey::generate(KeyUse::Release, name).unwrap())
    }

    fn trust(signers: &[SealedKey], deployment: &str) -> Trust {
        let bytes = encode(&NewTrust {
            deployment: deployment.to_owned(),
            operator_key: SealedKey::generate(KeyUse::Operator, "o").unwrap().public(),
            release_keys: signers.iter().map(SealedKey::public).collect(),
            release_threshold: 2,
            kms_key_arn: "arn:aws:kms:eu-central-1:111122223333:key/1234".to_owned(),
            egress_hosts: vec![],
        });
        Trust::from_bytes(&bytes.unwrap()).unwrap()
    }

    #[test]
    fn two_people_release_what_was_built_and_clients_accept_it() {
        let signers = signers();
        let trust = trust(&signers, "shop");
        let manifest = manifest("kernel");
        let mut first = propose(&manifest, &trust, 2, 1).unwrap();
        let mut second = first.clone();
        sign(&mut first, &signers[0], Path::new("a"), &trust, Some(&manifest)).unwrap();
        sign(&mut second, &signers[2], Path::new("c"), &trust, None).unwrap();
        let pinned = ReleaseKeys::parse(&keys(&trust).unwrap().to_text()).unwrap();
        assert!(pinned.verify(&first).is_err(), "one alone");
        first.combine(second).unwrap();
        let release = pinned.verify(&first).unwrap().release;
        assert_eq!((release.version(), release.minimum_version()), (2, 1));
        let hash = ManifestHash(Digest::of(manifest.as_bytes()).0);
        assert_eq!(release.manifest_sha256(), Some(hash));
        let read = Manifest::parse(&manifest).unwrap();
        assert_eq!(release.measurements().pcr0.to_string(), read.measurements.pcr0.to_string());
    }

    #[test]
    fn a_signer_signs_nothing_that_his_own_build_does_not_show() {
        let signers = signers();
        let trust = trust(&signers, "shop");
        let mut release = propose(&manifest("kernel"), &trust, 1, 1).unwrap();
        let other = manifest("another kernel");
        let before = release.clone();
        let refused = sign(&mut release, &signers[0], Path::new("a"), &trust, Some(&other));
        assert!(matches!(refused, Err(Error::Manifest(_))));
        assert_eq!(release, before);
    }

    #[test]
    fn another_deployments_release_an_operator_key_and_a_strangers_key_sign_nothing() {
        let signers = signers();
        let (shop, bank) = (trust(&signers, "shop"), trust(&signers, "bank"));
        let mut release = propose(&manifest("kernel"), &shop, 1, 1).unwrap();
        let mut signed = |key, trust| sign(&mut release, key, Path::new("k"), trust, None);
        assert!(matches!(signed(&signers[0], &bank), Err(Error::Release(_))));
        let operator = SealedKey::generate(KeyUse::Operator, "o").unwrap();
        assert!(matches!(signed(&operator, &shop), Err(Error::KeyUse { .. })));
        let stranger = SealedKey::generate(KeyUse::Release, "s").unwrap();
        assert!(matches!(signed(&stranger, &shop), Err(Error::AnotherKey)));
        signed(&signers[0], &shop).unwrap();
    }

    #[test]
    fn users_are_not_handed_what_one_of_the_releases_withdraws() {
        let signers = signers();
        let trust = trust(&signers, "shop");
        let signed = |version, minimum| {
            let mut release = propose(&manifest("kernel"), &trust, version, minimum).unwrap();
            for key in &signers[..2] {
                sign(&mut release, key, Path::new("k"), &trust, None).unwrap();
            }
            release
        };
        let keys = keys(&trust).unwrap();
        assert!(accepted(&keys, &[signed(1, 1), signed(2, 1)]).is_ok());
        let refused = accepted(&keys, &[signed(1, 1), signed(2, 2)]);
        let Err(Error::Release(sharekeep_release::Error::Withdrawn { version, .. })) = refused
        else {
            panic!("a withdrawn release would be handed out");
        };
        assert_eq!(version, 1);
    }
}
