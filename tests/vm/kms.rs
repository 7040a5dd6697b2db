//! The guest's way out: TLS to KMS and to the identity provider ends inside it, and KMS opens for what
//! was measured of it and for nothing else.

use sharekeep_local::stack::StackOptions;
use sharekeep_schemas::ProblemCode;
use sharekeep_tests::guests::{Boots, Guests};
use sharekeep_tests::message::note;
use sharekeep_tests::user::attestation;
use sharekeep_tests::{Deployment, Site, User, flow};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn all_that_the_host_carries_for_the_guest_is_ciphertext() {
    let options = StackOptions { record: true, ..Guests::new(Boots::Release).options() };
    let deployment = Deployment::start_with(options).await;
    flow::all_that_the_host_carries_is_ciphertext(deployment).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn kms_opens_for_each_of_the_measurements_of_the_guest_and_not_for_a_bit_less() {
    let mut deployment = Deployment::start_with(Guests::new(Boots::Release).options()).await;
    let (device, wallet) = {
        let alice = User::signed_in(&deployment, "alice").await;
        let wallet = alice.create_wallet().await;
        (alice.into_device(), wallet)
    };
    let right = deployment.world().measurements().0;
    // What the guest has in its memory, it has.
    deployment.stack.restart_enclave().await.unwrap();
    let kms = deployment.world().kms().unwrap();
    for pcr in 0..right.len() {
        let mut other = right;
        other[pcr][0] ^= 1;
        kms.set_allowed_pcrs(vec![other]);
        let asked_before = kms.calls();
        let refused = attestation(&deployment, &[7; 32]).await;
        assert_eq!(refused.problem(), ProblemCode::KmsUnavailable, "PCR{pcr}");
        assert!(kms.calls() > asked_before, "it was KMS that refused");
    }
    kms.set_allowed_pcrs(vec![right]);
    let alice = User::signed_in_on(device, &deployment, "alice").await;
    alice.sign(&wallet, &note("for this image")).await;
}
