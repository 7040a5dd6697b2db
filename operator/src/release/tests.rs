use super::*;
use crate::trust::{NewTrust, encode};
use sharekeep_functions::store::{StoreKeys, StoreSettings, TablePrefix};
use sharekeep_image::{Entry, Image, Ramdisk};
use std::collections::BTreeMap;

/// Of an image with this kernel and this trust configuration, as the build writes it.
fn manifest(kernel: &str, trust: &[u8]) -> String {
    let boot = Ramdisk::new([("dev", Entry::Folder)]).unwrap();
    let part = |name, bytes: &[u8]| Ramdisk::new([(name, Entry::Program(bytes.into()))]).unwrap();
    let parts = [boot, part("init", b"\x7fELF"), part("trust", trust)];
    let image = Image::new(kernel.as_bytes().to_vec(), "panic=1", parts).unwrap();
    let inputs = [("trust".to_owned(), Digest::of(trust))].into();
    Manifest::of(&image, "here".to_owned(), inputs, BTreeMap::new()).to_text()
}

fn signers() -> [SealedKey; 3] {
    ["a", "b", "c"].map(|name| SealedKey::generate(KeyUse::Release, name).unwrap())
}

fn trust(signers: &[SealedKey], deployment: &str) -> Vec<u8> {
    encode(&NewTrust {
        deployment: deployment.to_owned(),
        operator_key: SealedKey::generate(KeyUse::Operator, "o").unwrap().public(),
        release_keys: signers.iter().map(SealedKey::public).collect(),
        release_threshold: 2,
        kms_key_arn: "arn:aws:kms:eu-central-1:111122223333:key/1234".to_owned(),
        egress_hosts: vec![],
    })
    .unwrap()
}

fn basis(trust: &[u8]) -> Basis {
    Basis::new(trust, None, None).unwrap()
}

/// A release that two signed.
fn signed(trust: &[u8], signers: &[SealedKey], version: u64, minimum: u64) -> SignedRelease {
    let (basis, manifest) = (basis(trust), manifest("kernel", trust));
    let mut release = propose(&basis, &manifest, version, minimum).unwrap();
    for key in &signers[..2] {
        sign(&basis, &mut release, key, Path::new("k"), Some(&manifest)).unwrap();
    }
    release
}

#[test]
fn two_people_release_what_was_built_and_clients_accept_it() {
    let signers = signers();
    let trust = trust(&signers, "shop");
    let (basis, manifest) = (basis(&trust), manifest("kernel", &trust));
    let mut first = propose(&basis, &manifest, 2, 1).unwrap();
    let mut second = first.clone();
    sign(&basis, &mut first, &signers[0], Path::new("a"), Some(&manifest)).unwrap();
    sign(&basis, &mut second, &signers[2], Path::new("c"), Some(&manifest)).unwrap();
    let pinned = keys(&Trust::from_bytes(&trust).unwrap()).unwrap();
    let pinned = ReleaseKeys::parse(&pinned.to_text()).unwrap();
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
    let basis = basis(&trust);
    let mut release = propose(&basis, &manifest("kernel", &trust), 1, 1).unwrap();
    let other = manifest("another kernel", &trust);
    let before = release.clone();
    let refused = sign(&basis, &mut release, &signers[0], Path::new("a"), Some(&other));
    assert!(matches!(refused, Err(Error::Manifest(_))));
    assert_eq!(release, before);
}

#[test]
fn an_image_with_another_trust_configuration_is_neither_proposed_nor_signed() {
    let signers = signers();
    // Same name and same signers, but not the same operator.
    let (own, other) = (trust(&signers, "shop"), trust(&signers, "shop"));
    let foreign = manifest("kernel", &other);
    assert!(matches!(propose(&basis(&own), &foreign, 1, 1), Err(Error::Manifest(_))));
    let mut release = propose(&basis(&other), &foreign, 1, 1).unwrap();
    let mut signed = |trust: &[u8]| {
        sign(&basis(trust), &mut release, &signers[0], Path::new("a"), Some(&foreign))
    };
    assert!(matches!(signed(&own), Err(Error::Manifest(_))));
    signed(&other).unwrap();
    let mut unnamed = Manifest::parse(&foreign).unwrap();
    unnamed.inputs.clear();
    assert!(matches!(propose(&basis(&other), &unnamed.to_text(), 1, 1), Err(Error::Manifest(_))));
}

#[test]
fn the_keys_before_release_the_image_that_has_the_next_ones() {
    let (before, after) = (signers(), signers());
    let next = trust(&after, "shop");
    let pinned = |deployment| keys(&Trust::from_bytes(&trust(&before, deployment)).unwrap()).ok();
    let basis = Basis::new(&next, pinned("shop"), None).unwrap();
    let manifest = manifest("kernel", &next);
    let mut release = propose(&basis, &manifest, 1, 1).unwrap();
    let mut signed = |key| sign(&basis, &mut release, key, Path::new("k"), Some(&manifest));
    assert!(matches!(signed(&after[0]), Err(Error::AnotherKey)));
    for key in &before[..2] {
        signed(key).unwrap();
    }
    pinned("shop").unwrap().verify(&release).unwrap();
    assert!(matches!(Basis::new(&next, pinned("bank"), None), Err(Error::Release(_))));
}

#[test]
fn another_deployments_release_an_operator_key_and_a_strangers_key_sign_nothing() {
    let signers = signers();
    let (shop, bank) = (trust(&signers, "shop"), trust(&signers, "bank"));
    let mut release = propose(&basis(&shop), &manifest("kernel", &shop), 1, 1).unwrap();
    let mut signed =
        |key, trust: &[u8]| sign(&basis(trust), &mut release, key, Path::new("k"), None);
    assert!(matches!(signed(&signers[0], &bank), Err(Error::Release(_))));
    let operator = SealedKey::generate(KeyUse::Operator, "o").unwrap();
    assert!(matches!(signed(&operator, &shop), Err(Error::KeyUse { .. })));
    let stranger = SealedKey::generate(KeyUse::Release, "s").unwrap();
    assert!(matches!(signed(&stranger, &shop), Err(Error::AnotherKey)));
    signed(&signers[0], &shop).unwrap();
}

#[test]
fn a_version_that_does_not_come_next_is_neither_proposed_nor_signed() {
    const HIGHEST: u64 = sharekeep_release::MAX_VERSION;
    let signers = signers();
    let trust = trust(&signers, "shop");
    let manifest = manifest("kernel", &trust);
    let seventh = signed(&trust, &signers, 7, 1);
    let after = Basis::new(&trust, None, Some(&seventh)).unwrap();
    let next = |basis: &Basis, version| propose(basis, &manifest, version, version);
    for (basis, version) in
        [(&after, 7), (&after, 6), (&after, 1_008), (&after, HIGHEST), (&basis(&trust), 1_001)]
    {
        assert!(matches!(next(basis, version), Err(Error::Version { .. })), "{version}");
    }
    for (basis, version) in [(&after, 8), (&after, 1_007), (&basis(&trust), 1_000)] {
        next(basis, version).unwrap();
    }
    // Whoever proposes can write what he likes; the others do not sign it.
    let (measured, hash) = after.read_manifest(&manifest).unwrap();
    let last = Release::new("shop", HIGHEST, HIGHEST, measured, Some(hash)).unwrap();
    let mut last = SignedRelease::unsigned(last);
    let refused = sign(&after, &mut last, &signers[0], Path::new("k"), Some(&manifest));
    assert!(matches!(refused, Err(Error::Version { first: 8, last: 1_007, .. })), "{refused:?}");
    // What comes before is what was signed, and not what somebody says.
    assert!(matches!(Basis::new(&trust, None, Some(&last)), Err(Error::Release(_))));
    assert!(propose(&after, &manifest, 8, 9).is_err(), "it would withdraw itself");
}

#[test]
fn users_are_not_handed_what_one_of_the_releases_withdraws() {
    let signers = signers();
    let file = trust(&signers, "shop");
    let trust = Trust::from_bytes(&file).unwrap();
    let signed = |version, minimum| signed(&file, &signers, version, minimum);
    let keys = keys(&trust).unwrap();
    assert!(accepted(&keys, &[signed(1, 1), signed(2, 1)]).is_ok());
    let refused = accepted(&keys, &[signed(1, 1), signed(2, 2)]);
    let Err(Error::Release(sharekeep_release::Error::Withdrawn { version, .. })) = refused else {
        panic!("a withdrawn release would be handed out");
    };
    assert_eq!(version, 1);
}

/// A table in memory.
async fn store() -> Store {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    let keys = StoreKeys { access_key_id: "test".into(), secret_access_key: "test".into() };
    let prefix = TablePrefix::new("test-").unwrap();
    let region = "eu-central-1".into();
    let store = Store::connect(StoreSettings { endpoint, region, keys, prefix });
    store.create_tables().await.unwrap();
    store
}

fn versions(releases: &Releases) -> Vec<u64> {
    releases.iter().map(Release::version).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_withdraws_no_less_than_what_was() {
    let signers = signers();
    let file = trust(&signers, "shop");
    let trust = Trust::from_bytes(&file).unwrap();
    let store = store().await;
    let [first, second, third] = [(1, 1), (2, 1), (3, 2)]
        .map(|(version, minimum)| signed(&file, &signers, version, minimum));
    let publish = async |given: &[SignedRelease], replace| {
        publish(&store, &trust, given, replace).await.map(|releases| versions(&releases))
    };
    let beside = [first.clone(), second.clone()];
    assert_eq!(publish(&beside, Replace::Older).await.unwrap(), [1, 2]);
    let withdrawing = [second.clone(), third];
    assert_eq!(publish(&withdrawing, Replace::Older).await.unwrap(), [2, 3]);
    let refused = publish(&beside, Replace::Older).await;
    assert!(matches!(refused, Err(Error::Minimum { given: 1, published: 2 })), "{refused:?}");
    assert_eq!(versions(&published(&store, &trust).await.unwrap()), [2, 3]);
    assert_eq!(publish(&beside, Replace::Anything).await.unwrap(), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_what_these_keys_have_not_signed_nobody_publishes_unawares() {
    let (signers, others) = (signers(), signers());
    let (old, new) = (trust(&others, "shop"), trust(&signers, "shop"));
    let [before, after] = [&old, &new].map(|file| Trust::from_bytes(file).unwrap());
    let store = store().await;
    publish(&store, &before, &[signed(&old, &others, 7, 7)], Replace::Older).await.unwrap();
    let next = [signed(&new, &signers, 8, 1)];
    let refused = publish(&store, &after, &next, Replace::Older).await;
    assert!(matches!(refused, Err(Error::Published(_))), "{refused:?}");
    store.put_releases(&["no release".to_owned()]).await.unwrap();
    let refused = publish(&store, &after, &next, Replace::Older).await;
    assert!(matches!(refused, Err(Error::Published(_))), "{refused:?}");
    publish(&store, &after, &next, Replace::Anything).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_publish_at_once_the_second_changes_nothing_and_is_told() {
    let signers = signers();
    let file = trust(&signers, "shop");
    let trust = Trust::from_bytes(&file).unwrap();
    let keys = keys(&trust).unwrap();
    let store = store().await;
    let stored = store.stored_releases().await.unwrap();
    let faster = [signed(&file, &signers, 2, 2)];
    publish(&store, &trust, &faster, Replace::Older).await.unwrap();
    let slower = accepted(&keys, &[signed(&file, &signers, 1, 1)]).unwrap();
    let refused = write(&store, &stored, &slower).await;
    assert!(matches!(refused, Err(Error::Overtaken)), "{refused:?}");
    assert_eq!(versions(&published(&store, &trust).await.unwrap()), [2]);
    // Who is told of a conflict with his own write, whose answer was lost, has published.
    write(&store, &stored, &accepted(&keys, &faster).unwrap()).await.unwrap();
}
