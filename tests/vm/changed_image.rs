//! Another image than the one that is trusted: it boots, it serves, its security module tells the truth
//! about it, and nobody gives it anything.

use sharekeep::{Error, ErrorKind};
use sharekeep_channel::Error as ChannelError;
use sharekeep_channel::attestation::{Pcr, PcrSet};
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::http::Readiness;
use sharekeep_tests::guests::{Boots, Guests};
use sharekeep_tests::phone::new_home;
use sharekeep_tests::user::{attestation, verified};
use sharekeep_tests::{Deployment, Phone, Request, Site};

const NONCE: [u8; 32] = [7; 32];

async fn is_refused(boots: Boots) {
    let guests = Guests::new(boots);
    let deployment = Deployment::start_with(guests.options()).await;
    let world = deployment.world();
    let (trusted, booted) = (world.measurements(), guests.booted(world.trust_bytes()));
    // The boot ramdisk is the same, so PCR1 is. One of the others would be enough.
    assert_eq!(trusted.0[1], booted.0[1]);
    assert!(trusted.0[0] != booted.0[0] && trusted.0[2] != booted.0[2]);
    let before = deployment.records();

    // KMS: without the deployment's keys it has nothing to answer with.
    let kms = world.kms().unwrap();
    let refused = attestation(&deployment, &NONCE).await;
    assert_eq!(refused.problem(), ProblemCode::KmsUnavailable);
    assert!(kms.calls() > 0, "it was KMS that refused");
    let to = deployment.authority();
    let readiness = Request::get(&to, "/readyz").send(&to).await;
    assert_eq!(readiness.status, 503);
    let readiness: Readiness = serde_json::from_slice(&readiness.body).unwrap();
    let failed = |name| readiness.checks.iter().any(|check| check.name == name && !check.ok);
    assert!(failed("pcrs") && failed("kms") && !failed("enclave"));
    assert_eq!(deployment.records(), before);

    // The client, even where somebody has talked the key's administrators into it.
    kms.set_allowed_pcrs(vec![booted.0]);
    let answer = attestation(&deployment, &NONCE).await;
    verified(&answer, &NONCE, world, booted).unwrap();
    let error = verified(&answer, &NONCE, world, trusted).err().unwrap();
    let [pcr0, pcr1, pcr2] = booted.0.map(Pcr::from_bytes);
    let honest = PcrSet { pcr0, pcr1, pcr2 };
    assert!(matches!(&error, ChannelError::PcrMismatch(found) if **found == honest), "{error}");
    let homes = tempfile::tempdir().unwrap();
    let home = new_home(&deployment, &homes.path().join("home"));
    let error = Phone::try_sign_in(&deployment, home, "alice").await.err().unwrap();
    assert!(matches!(&error, Error::UnknownImage(found) if **found == honest), "{error}");
    assert_eq!(error.kind(), ErrorKind::Trust);
    let counts = deployment.counts();
    let sessions = counts.iter().find(|(table, _)| table.ends_with("sessions")).unwrap();
    assert_eq!(*sessions.1, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn a_program_with_one_other_byte_is_refused_by_kms_and_by_the_client() {
    is_refused(Boots::ChangedProgram).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn a_trust_configuration_with_one_other_byte_is_refused_by_kms_and_by_the_client() {
    is_refused(Boots::ChangedTrust).await;
}
