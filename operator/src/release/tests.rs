use super::*;
use crate::trust::{NewTrust, encode};
use sharekeep_functions::store::{StoreKeys, StoreSettings, TablePrefix};
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

/// A release that two signed.
fn signed(trust: &Trust, signers: &[SealedKey], version: u64, minimum: u64) -> SignedRelease {
    let mut release = propose(&manifest("kernel"), trust, version, minimum).unwrap();
    for key in &signers[..2] {
        sign(&mut release, key, Path::new("k"), trust, None).unwrap();
    }
    release
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
    let signed = |version, minimum| signed(&trust, &signers, version, minimum);
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
    let trust = trust(&signers, "shop");
    let store = store().await;
    let [first, second, third] = [(1, 1), (2, 1), (3, 2)]
        .map(|(version, minimum)| signed(&trust, &signers, version, minimum));
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
    let (before, after) = (trust(&others, "shop"), trust(&signers, "shop"));
    let store = store().await;
    publish(&store, &before, &[signed(&before, &others, 7, 7)], Replace::Older).await.unwrap();
    let next = [signed(&after, &signers, 8, 1)];
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
    let trust = trust(&signers, "shop");
    let keys = keys(&trust).unwrap();
    let store = store().await;
    let stored = store.stored_releases().await.unwrap();
    let faster = [signed(&trust, &signers, 2, 2)];
    publish(&store, &trust, &faster, Replace::Older).await.unwrap();
    let slower = accepted(&keys, &[signed(&trust, &signers, 1, 1)]).unwrap();
    let refused = write(&store, &stored, &slower).await;
    assert!(matches!(refused, Err(Error::Overtaken)), "{refused:?}");
    assert_eq!(versions(&published(&store, &trust).await.unwrap()), [2]);
    // Who is told of a conflict with his own write, whose answer was lost, has published.
    write(&store, &stored, &accepted(&keys, &faster).unwrap()).await.unwrap();
}
