//! KMS throttles, is away, or has decided against the image, while wallets are in use.

use sharekeep_enclave_app::Limits;
use sharekeep_local::stack::StackOptions;
use sharekeep_local::world::KmsFault;
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::http::Readiness;
use sharekeep_tests::aws::KeyFault;
use sharekeep_tests::ceremony::Wallet;
use sharekeep_tests::message::note;
use sharekeep_tests::{Answer, Deployment, Request, Site, User};
use std::time::Duration;

/// Longer than what the tests wait for takes on a busy machine.
const PATIENCE: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

/// How long a data key is used on in the flow that waits for the end of it, in seconds.
pub(crate) const SHORT_S: u64 = 4;
/// The same where no end is waited for.
pub(crate) const LONG_S: u64 = 3_600;

/// Data keys are asked for again after a second, and used on for a time.
pub(crate) fn options(lifetime_s: u64) -> StackOptions {
    let limits = Limits {
        primes: 0,
        data_key_fresh: Duration::ZERO,
        data_key_lifetime: Duration::from_secs(lifetime_s),
        ..Limits::default()
    };
    StackOptions { limits: Some(limits), ..StackOptions::default() }
}

async fn deployment(lifetime_s: u64) -> Deployment {
    Deployment::start_with(options(lifetime_s)).await
}

/// Something is wrong with KMS: by a switch of the embedded one, or by what is done to the key on an
/// emulated AWS.
#[derive(Clone, Copy)]
enum Outage {
    Throttled,
    Denied,
}

impl Outage {
    fn begin(self, deployment: &Deployment) {
        match deployment.aws() {
            Some(aws) => self.of_the_key().begin(aws),
            None => deployment.world().kms().unwrap().set_fault(Some(self.of_the_twin())),
        }
    }

    fn end(self, deployment: &Deployment) {
        match deployment.aws() {
            Some(aws) => self.of_the_key().end(aws),
            None => deployment.world().kms().unwrap().set_fault(None),
        }
    }

    fn of_the_twin(self) -> KmsFault {
        match self {
            Self::Throttled => KmsFault::Throttled,
            Self::Denied => KmsFault::Denied,
        }
    }

    fn of_the_key(self) -> KeyFault {
        match self {
            Self::Throttled => KeyFault::Throttled,
            Self::Denied => KeyFault::Disabled,
        }
    }
}

/// What the service says about its KMS, and with which status.
async fn kms_ready(deployment: &Deployment) -> (u16, bool) {
    let to = deployment.authority();
    let answer = Request::get(&to, "/readyz").send(&to).await;
    let readiness: Readiness = serde_json::from_slice(&answer.body).unwrap();
    let kms = readiness.checks.iter().find(|check| check.name == "kms").unwrap();
    (answer.status, kms.ok)
}

/// Starts signatures until one is answered as expected.
async fn sign_until(
    deployment: &Deployment,
    user: &User<'_>,
    wallet: &Wallet,
    expected: impl Fn(&Answer) -> bool,
) -> Answer {
    for _ in 0..PATIENCE {
        let answer = user.start_sign(wallet, &note("again")).start.send(deployment).await;
        if expected(&answer) {
            return answer;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("signatures are not answered as expected");
}

async fn until_kms_is(deployment: &Deployment, expected: (u16, bool)) {
    for _ in 0..PATIENCE {
        if kms_ready(deployment).await == expected {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("/readyz does not become {expected:?}");
}

pub(crate) async fn signs_while_kms_throttles(deployment: Deployment) {
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    assert_eq!(kms_ready(&deployment).await, (200, true));

    Outage::Throttled.begin(&deployment);
    tokio::time::sleep(Duration::from_secs(2)).await;
    alice.sign(&wallet, &note("the key is not fresh any more")).await;
    until_kms_is(&deployment, (503, false)).await;
    alice.sign(&wallet, &note("kms is known to be away")).await;

    // Nobody has to ask for anything: the enclave has gone on trying.
    Outage::Throttled.end(&deployment);
    until_kms_is(&deployment, (200, true)).await;
    alice.sign(&wallet, &note("kms is back")).await;
}

#[tokio::test]
async fn while_kms_throttles_cached_keys_sign_readiness_says_so_and_it_heals() {
    signs_while_kms_throttles(deployment(LONG_S).await).await;
}

pub(crate) async fn forgets_what_kms_denies(deployment: Deployment) {
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    Outage::Denied.begin(&deployment);
    let refused = sign_until(&deployment, &alice, &wallet, |answer| answer.status >= 400).await;
    assert_eq!(refused.problem(), ProblemCode::KmsUnavailable);
    Outage::Denied.end(&deployment);
    alice.sign(&wallet, &note("allowed again")).await;
    until_kms_is(&deployment, (200, true)).await;
}

#[tokio::test]
async fn a_data_key_that_kms_no_longer_opens_for_the_image_is_forgotten() {
    forgets_what_kms_denies(deployment(LONG_S).await).await;
}

/// Longer than a failure counts.
const PAST_FAILURE_S: i64 = 121;

#[tokio::test]
async fn a_denial_that_is_over_and_that_nobody_meets_again_leaves_the_service_ready() {
    let deployment = deployment(LONG_S).await;
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    Outage::Denied.begin(&deployment);
    sign_until(&deployment, &alice, &wallet, |answer| answer.status >= 400).await;
    until_kms_is(&deployment, (503, false)).await;
    Outage::Denied.end(&deployment);
    deployment.stack.clock().set_offset_s(PAST_FAILURE_S);
    until_kms_is(&deployment, (200, true)).await;
}

/// A data key's time is [`SHORT_S`] here.
pub(crate) async fn refuses_after_a_data_keys_time(deployment: Deployment) {
    let alice = User::signed_in(&deployment, "alice").await;
    let wallet = alice.create_wallet().await;
    Outage::Throttled.begin(&deployment);
    let refused = sign_until(&deployment, &alice, &wallet, |answer| answer.status >= 400).await;
    assert_eq!(refused.problem(), ProblemCode::KmsUnavailable);
    assert!(refused.headers.contains_key("retry-after"));
    Outage::Throttled.end(&deployment);
    alice.sign(&wallet, &note("kms is back")).await;
}

#[tokio::test]
async fn a_data_keys_time_ends_though_kms_is_away() {
    refuses_after_a_data_keys_time(deployment(SHORT_S).await).await;
}
