//! An image takes over from another: what clients believe meanwhile and afterwards.

use ed25519_dalek::SigningKey;
use sharekeep::{Client, Error, Home, OpenHome, ReleaseKeys, Result, SignedRelease};
use sharekeep_channel::attestation::PcrSet;
use sharekeep_release::{Release, ReleaseKey};
use sharekeep_schemas::codec;
use sharekeep_schemas::trust::{MAX_TRUST_BYTES, TrustConfiguration};
use sharekeep_tests::deployment::Deployment;
use sharekeep_tests::phone::{Phone, new_home, passphrase, release, settings};
use tempfile::TempDir;

/// Another image: another trust configuration is measured into it. What was sealed stays readable, as
/// after a roll-over on AWS, since the key's policy names the new image.
async fn next_image(deployment: Deployment) -> Deployment {
    let path = deployment.path("trust.cbor");
    let bytes = std::fs::read(&path).unwrap();
    let mut trust: TrustConfiguration = codec::decode(&bytes, MAX_TRUST_BYTES).unwrap();
    trust.egress_hosts.push("next.example:443".to_owned());
    std::fs::write(deployment.path("former-trust.cbor"), bytes).unwrap();
    std::fs::write(&path, codec::encode(&trust)).unwrap();
    deployment.restart().await
}

/// Back to the image of before.
async fn former_image(deployment: Deployment) -> Deployment {
    let former = deployment.path("former-trust.cbor");
    std::fs::copy(former, deployment.path("trust.cbor")).unwrap();
    deployment.restart().await
}

fn signer(deployment: &Deployment) -> SigningKey {
    let key = std::fs::read(deployment.path("operator/release.key")).unwrap();
    SigningKey::from_bytes(&key.try_into().unwrap())
}

/// The deployment's own signer says this of an image.
fn signed(deployment: &Deployment, version: u64, minimum: u64, image: PcrSet) -> SignedRelease {
    let running = release(deployment);
    let deployment_name = running.unverified().deployment();
    let release = Release::new(deployment_name, version, minimum, image, None).unwrap();
    let mut signed = SignedRelease::unsigned(release);
    signed.sign(&signer(deployment)).unwrap();
    signed
}

async fn hand_out(deployment: &Deployment, releases: &[&SignedRelease]) {
    let texts: Vec<_> = releases.iter().map(|signed| signed.to_text()).collect();
    deployment.stack.store().put_releases(&texts).await.unwrap();
}

/// A command of this device that asks the enclave who it is, and keeps what was learnt.
async fn ask(home: &OpenHome) -> Result<()> {
    let pins = home.pins().unwrap();
    let client = Client::new(home.settings().clone(), home.releases().unwrap(), pins).unwrap();
    let attested = client.attest().await;
    home.keep_releases(&client.releases()).unwrap();
    if let Some(pins) = client.pins() {
        home.store_pins(&pins).unwrap();
    }
    attested.map(|_| ())
}

fn is_unknown(asked: &Result<()>, image: PcrSet) -> bool {
    matches!(asked, Err(Error::UnknownImage(measured)) if **measured == image)
}

fn is_withdrawn(asked: &Result<()>, version: u64) -> bool {
    use sharekeep_release::Error::Withdrawn;
    matches!(asked, Err(Error::Release(Withdrawn { version: of, .. })) if *of == version)
}

fn image(signed: &SignedRelease) -> PcrSet {
    signed.unverified().measurements()
}

fn directory(dir: &TempDir, name: &str) -> std::path::PathBuf {
    dir.path().join(name)
}

#[tokio::test]
async fn an_old_client_learns_the_release_of_a_new_image_and_goes_on_with_its_wallets() {
    let (deployment, dir) = (Deployment::start().await, TempDir::new().unwrap());
    let phone = Phone::fresh(&deployment, &directory(&dir, "phone"), "alice").await;
    let _code = phone.set_up_with_passcode("a passcode").await;
    let wallet = phone.create_frost().await;
    let before = release(&deployment);

    let deployment = next_image(deployment).await;
    assert_ne!(image(&release(&deployment)), image(&before));
    let phone = Phone::sign_in(&deployment, phone.home, "alice").await;
    phone.sign(wallet, &sharekeep_tests::message::note("after the roll-over")).await;
    let known = phone.client.releases();
    assert_eq!(known.iter().map(Release::version).collect::<Vec<_>>(), [1, 2]);
    deployment.stop().await;
}

#[tokio::test]
async fn a_new_image_is_refused_until_its_release_is_handed_over_and_accepted_from_a_file() {
    let (deployment, dir) = (Deployment::start().await, TempDir::new().unwrap());
    let home = new_home(&deployment, &directory(&dir, "phone"));
    ask(&home).await.unwrap();
    let deployment = next_image(deployment).await;
    hand_out(&deployment, &[]).await;
    let new = release(&deployment);
    assert!(is_unknown(&ask(&home).await, image(&new)));
    drop(home);
    let home = Home::open(&directory(&dir, "phone")).unwrap();
    home.add_releases(&[new]).unwrap();
    ask(&home.unlock(&passphrase()).unwrap()).await.unwrap();
    deployment.stop().await;
}

#[tokio::test]
async fn a_new_client_believes_an_old_image_until_a_release_withdraws_it() {
    let (deployment, dir) = (Deployment::start().await, TempDir::new().unwrap());
    let old = release(&deployment);
    let deployment = next_image(deployment).await;
    let new = release(&deployment);
    // Its user was given the new image's release only.
    let home = new_home(&deployment, &directory(&dir, "phone"));
    let deployment = former_image(deployment).await;
    hand_out(&deployment, &[&old, &new]).await;
    ask(&home).await.unwrap();

    let withdrawing = signed(&deployment, 3, 2, image(&new));
    hand_out(&deployment, &[&old, &new, &withdrawing]).await;
    assert!(is_withdrawn(&ask(&home).await, 1));
    deployment.stop().await;
}

#[tokio::test]
async fn a_withdrawal_reaches_a_client_that_still_accepts_the_image_it_meets() {
    let (deployment, dir) = (Deployment::start().await, TempDir::new().unwrap());
    let home = new_home(&deployment, &directory(&dir, "phone"));
    ask(&home).await.unwrap();
    let old = release(&deployment);
    // The new image runs nowhere yet: an old host was forgotten in the fleet.
    let withdrawing = signed(&deployment, 2, 2, PcrSet::from([[7; 48]; 3]));
    hand_out(&deployment, &[&old, &withdrawing]).await;
    assert!(is_withdrawn(&ask(&home).await, 1));
    deployment.stop().await;
}

#[tokio::test]
async fn a_client_refuses_a_withdrawn_image_that_it_had_accepted_although_an_older_minimum_is_replayed()
 {
    let (deployment, dir) = (Deployment::start().await, TempDir::new().unwrap());
    let home = new_home(&deployment, &directory(&dir, "phone"));
    ask(&home).await.unwrap();
    let old = release(&deployment);
    let deployment = next_image(deployment).await;
    let withdrawing = signed(&deployment, 3, 3, image(&release(&deployment)));
    let before = release(&deployment);
    hand_out(&deployment, &[&withdrawing]).await;
    ask(&home).await.unwrap();
    assert_eq!(home.releases().unwrap().minimum_version(), 3);

    // Whoever runs the service starts the old image again and hands out what it had said before.
    let deployment = former_image(deployment).await;
    hand_out(&deployment, &[&old, &before]).await;
    assert!(is_withdrawn(&ask(&home).await, 1));
    let again = signed(&deployment, 2, 1, image(&old));
    hand_out(&deployment, &[&again]).await;
    assert!(is_withdrawn(&ask(&home).await, 2));
    hand_out(&deployment, &[]).await;
    assert!(is_unknown(&ask(&home).await, image(&old)));
    assert_eq!(home.releases().unwrap().minimum_version(), 3);
    // The enclave's key that was attested then is not used either.
    let session = Phone::try_sign_in(&deployment, home, "alice").await;
    assert!(matches!(session.err(), Some(Error::UnknownImage(_))));
    deployment.stop().await;
}

#[tokio::test]
async fn a_release_by_too_few_by_strangers_or_for_another_deployment_releases_nothing() {
    let (deployment, dir) = (Deployment::start().await, TempDir::new().unwrap());
    let first = release(&deployment);
    let second_signer = SigningKey::from_bytes(&[9; 32]);
    let both = [signer(&deployment), second_signer.clone()]
        .map(|key| ReleaseKey::try_from(&key.verifying_key()).unwrap());
    let keys = ReleaseKeys::new(first.unverified().deployment(), 2, both).unwrap();
    let mut settings = settings(&deployment);
    settings.release_keys = keys;
    let create = |releases: &[SignedRelease]| {
        Home::create(&directory(&dir, "phone"), settings.clone(), releases, &passphrase())
    };
    assert!(matches!(create(std::slice::from_ref(&first)), Err(Error::Release(_))));
    let mut by_both = first;
    by_both.sign(&second_signer).unwrap();
    let home = create(&[by_both]).unwrap();
    ask(&home).await.unwrap();

    let deployment = next_image(deployment).await;
    let new = image(&release(&deployment));
    let too_few = signed(&deployment, 2, 1, new);
    let mut by_a_stranger = too_few.clone();
    by_a_stranger.sign(&SigningKey::from_bytes(&[10; 32])).unwrap();
    let elsewhere = {
        let release = Release::new("elsewhere", 2, 1, new, None).unwrap();
        let mut signed = SignedRelease::unsigned(release);
        signed.sign(&signer(&deployment)).unwrap();
        signed.sign(&second_signer).unwrap();
        signed
    };
    for refused in [&too_few, &by_a_stranger, &elsewhere] {
        hand_out(&deployment, &[refused]).await;
        assert!(matches!(ask(&home).await, Err(Error::Release(_))));
        assert_eq!(home.releases().unwrap().iter().count(), 1);
    }
    let mut enough = too_few;
    enough.sign(&second_signer).unwrap();
    hand_out(&deployment, &[&elsewhere, &enough]).await;
    ask(&home).await.unwrap();
    deployment.stop().await;
}
