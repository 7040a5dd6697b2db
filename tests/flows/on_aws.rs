//! The main job, recovery, a leaving enclave and outages of KMS once more: the same flows with the
//! tables and the key of the product's templates on an emulated AWS, and the functions' own programs as
//! Lambdas. Hosts register in the table `fleet` there.

use crate::fleet::{device_goes_on, of_two};
use crate::kms_away::{
    LONG_S, SHORT_S, forgets_what_kms_denies, options, refuses_after_a_data_keys_time,
    signs_while_kms_throttles,
};
use crate::messages::every_kind_of_message_is_signed;
use crate::restore::{cggmp24_comes_back_prepared, each_factor_restores};
use sharekeep::Home;
use sharekeep_enclave_app::Limits;
use sharekeep_local::stack::StackOptions;
use sharekeep_schemas::{Protocol, Scheme};
use sharekeep_tests::aws::photograph;
use sharekeep_tests::flow::{main_job, password_opens_a_session, wrong, wrong_twice_then_right};
use sharekeep_tests::message::note;
use sharekeep_tests::phone::{passphrase, with_passcode};
use sharekeep_tests::{Deployment, Phone, Request, Site};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn an_ed25519_wallet_signs_before_and_after_a_restart() {
    main_job(Deployment::start_on_aws().await, Scheme::EddsaEd25519, Protocol::Frost).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_taproot_wallet_signs_before_and_after_a_restart() {
    main_job(Deployment::start_on_aws().await, Scheme::SchnorrBip340, Protocol::Frost).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_dkls23_wallet_signs_before_and_after_a_restart() {
    main_job(Deployment::start_on_aws().await, Scheme::EcdsaSecp256k1, Protocol::Dkls23).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_cggmp24_wallet_signs_before_and_after_a_restart() {
    main_job(Deployment::start_on_aws().await, Scheme::EcdsaSecp256k1, Protocol::Cggmp24).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn wallets_sign_every_kind_of_message_that_is_for_their_keys() {
    every_kind_of_message_is_signed(Deployment::start_on_aws().await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_password_at_the_identity_provider_opens_a_session() {
    password_opens_a_session(Deployment::start_on_aws().await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_passcode_wrong_twice_and_then_right_restores_and_other_devices_are_told() {
    wrong_twice_then_right(Deployment::start_on_aws().await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_lost_device_is_replaced_with_a_factor_of_each_kind_and_signs_at_once() {
    each_factor_restores(Deployment::start_on_aws().await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_cggmp24_wallet_signs_at_once_with_the_half_that_was_in_its_backup() {
    cggmp24_comes_back_prepared(Deployment::start_on_aws().await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_device_goes_on_by_itself_when_its_enclave_leaves() {
    device_goes_on(Deployment::start_on_aws_with(of_two(None)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn while_kms_throttles_cached_keys_sign_readiness_says_so_and_it_heals() {
    signs_while_kms_throttles(Deployment::start_on_aws_with(options(LONG_S)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_data_key_is_forgotten_when_the_key_is_disabled() {
    forgets_what_kms_denies(Deployment::start_on_aws_with(options(LONG_S)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_data_keys_time_ends_though_kms_is_away() {
    refuses_after_a_data_keys_time(Deployment::start_on_aws_with(options(SHORT_S)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn pages_pictures_and_preflights_come_through_the_gateway_as_they_are_served_elsewhere() {
    let (aws, embedded) = tokio::join!(Deployment::start_on_aws(), Deployment::start());
    for path in ["/openapi.json", "/docs/index.html", "/docs/favicon-32x32.png", "/healthz"] {
        let [there, here] = [&aws, &embedded].map(|it| Request::get(&it.authority(), path));
        let there = there.send(&aws.authority()).await;
        let here = here.send(&embedded.authority()).await;
        assert_eq!((there.status, there.body), (200, here.body), "{path}");
        for name in ["content-type", "content-security-policy"] {
            assert_eq!(there.headers.get(name), here.headers.get(name), "{path}");
        }
    }
    let to = aws.authority();
    let preflight = Request { method: "OPTIONS", ..Request::get(&to, "/v1/wallets") };
    assert_eq!(preflight.send(&to).await.status, 200);
    let unknown = Request::get(&to, "/v1/nothing").send(&to).await;
    assert_eq!((unknown.status, &*unknown.body), (404, &br#"{"message":"Not Found"}"#[..]));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn after_the_tables_were_restored_wallets_sign_and_no_guess_is_given_back() {
    // The next enclave shall not have to wait until this one's lease of the passcode is over.
    let limits = Some(Limits { primes: 0, guess_lease_s: 1, ..Limits::default() });
    let options = StackOptions { limits, ..StackOptions::default() };
    let deployment = Deployment::start_on_aws_with(options).await;
    let homes = tempfile::tempdir().unwrap();
    let (old, new) = (homes.path().join("old"), homes.path().join("new"));
    let then = homes.path().join("tables");
    let (first, second, lost) = {
        let phone = Phone::fresh(&deployment, &old, "alice").await;
        phone.set_up_with_passcode("1234").await;
        let first = phone.create_frost().await;
        let (aws, file) = (deployment.aws().unwrap().clone(), then.clone());
        tokio::task::spawn_blocking(move || photograph(&aws, &file)).await.unwrap();

        let second = phone.create_frost().await;
        let other = Phone::fresh(&deployment, &new, "alice").await;
        for (text, left) in [("4321", 9), ("1243", 8)] {
            let error = other.restore(with_passcode(text), &[]).await.err().unwrap();
            assert_eq!(wrong(&error), left);
        }
        (first, second, phone.device())
    };
    let deployment = deployment.restored(then).await;
    let again = async |home| {
        let home = Home::open(home).unwrap().unlock(&passphrase()).unwrap();
        Phone::sign_in(&deployment, home, "alice").await
    };
    let phone = again(&old).await;
    phone.sign(first, &note("made before")).await;
    phone.sign(second, &note("made after")).await;
    // Then there were ten guesses; and this enclave has never heard of any.
    let other = again(&new).await;
    let error = other.restore(with_passcode("4321"), &[]).await.err().unwrap();
    assert_eq!(wrong(&error), 7);
    assert!(other.restore(with_passcode("1234"), &[lost]).await.unwrap().is_complete());
    other.sign(first, &note("on another device")).await;
    other.sign(second, &note("on another device")).await;
}
