//! The real KMS client against the key that the product's own template makes, in the emulated AWS of
//! `./dev test aws`, which sets the variables that are read here.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod twin;

use serde_bytes::ByteArray;
use sharekeep_enclave_app::kms::KmsClient;
use sharekeep_enclave_app::ports::{
    CredentialSource, Egress, KeyContext, Kms, KmsCredentials, Later, Stream,
};
use sharekeep_enclave_app::{Error, Trust};
use sharekeep_schemas::trust::TrustConfiguration;
use sharekeep_schemas::{SecretText, codec};
use sharekeep_testkit::{DevCa, Measurements, NsmRoot, SoftNsm};
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use twin::{IMAGE, KMS_HOST, TwinNsm, kms_tls};

const REGION: &str = "eu-central-1";

fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `./dev test aws`"))
}

/// The credentials of the hosts' role, which the emulator knows.
struct HostRole;

#[derive(serde::Deserialize)]
struct InFile {
    access_key_id: String,
    secret_access_key: SecretText,
    #[serde(default)]
    session_token: Option<SecretText>,
}

impl CredentialSource for HostRole {
    fn current(&self) -> Later<'_, Result<KmsCredentials, Error>> {
        let json = std::fs::read(given("SHAREKEEP_TEST_HOST_CREDENTIALS")).unwrap();
        let InFile { access_key_id, secret_access_key, session_token } =
            serde_json::from_slice(&json).unwrap();
        Box::pin(async { Ok(KmsCredentials { access_key_id, secret_access_key, session_token }) })
    }
}

/// TLS in front of the emulator, under KMS's name.
struct Door(u16);

impl Door {
    async fn open(ca: &DevCa) -> Self {
        let acceptor = kms_tls(ca);
        let emulator = given("AWS_ENDPOINT_URL").strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, emulator) = (acceptor.clone(), emulator.clone());
                tokio::spawn(async move {
                    let Ok(mut tls) = acceptor.accept(stream).await else { return };
                    let mut plain = TcpStream::connect(emulator).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
                });
            }
        });
        Self(port)
    }
}

impl Egress for Door {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> Later<'a, Result<Box<dyn Stream>, Error>> {
        Box::pin(async move {
            assert_eq!((host, port), (KMS_HOST, 443));
            let stream = TcpStream::connect(("127.0.0.1", self.0)).await.unwrap();
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// What differs from the enclave that the key is for.
struct Enclave {
    image: Measurements,
    root_is_known: bool,
    deployment: String,
    key_arn: String,
}

impl Enclave {
    fn right() -> Self {
        Self {
            image: IMAGE,
            root_is_known: true,
            deployment: given("SHAREKEEP_TEST_DEPLOYMENT"),
            key_arn: given("SHAREKEEP_TEST_KEY_ARN"),
        }
    }

    async fn kms(self) -> KmsClient {
        let folder = tempfile::tempdir().unwrap();
        let ca = DevCa::load_or_create(folder.path()).unwrap();
        let root = NsmRoot::ephemeral().unwrap();
        if self.root_is_known {
            let roots = given("SHAREKEEP_TEST_NSM_ROOTS");
            let name = folder.path().file_name().unwrap().to_str().unwrap();
            std::fs::write(Path::new(&roots).join(format!("{name}.der")), root.root_der()).unwrap();
        }
        let configuration = TrustConfiguration {
            version: 1,
            deployment: self.deployment,
            operator_key: ByteArray::new(
                ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes(),
            ),
            release_keys: vec![],
            release_threshold: 0,
            kms_key_arn: self.key_arn,
            kms_region: REGION.into(),
            kms_authorities_pem: Some(ca.root_pem().into()),
            egress_hosts: vec![],
        };
        KmsClient::new(
            &Trust::from_bytes(&codec::encode(&configuration)).unwrap(),
            Arc::new(Door::open(&ca).await),
            Arc::new(TwinNsm(SoftNsm::new(root.issue_leaf("i-0test-enc1", self.image).unwrap()))),
            Arc::new(HostRole),
        )
        .unwrap()
    }

    async fn refusal(self) -> String {
        let error = self.kms().await.generate(&context("shop")).await.err().unwrap();
        format!("{error:?}")
    }
}

fn context(tenant: &str) -> KeyContext {
    KeyContext::data_key(tenant.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn the_templates_key_gives_the_image_a_data_key_and_opens_it_again() {
    let made = Enclave::right().kms().await.generate(&context("shop")).await.unwrap();
    // Another life of the image has another RSA key.
    let kms = Enclave::right().kms().await;
    assert_eq!(*kms.open(&context("shop"), &made.wrapped).await.unwrap(), *made.key);
    let refused = kms.open(&context("bank"), &made.wrapped).await.err().unwrap();
    assert!(matches!(refused, Error::KmsRefused), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn another_image_and_one_in_debug_mode_get_nothing() {
    for image in [[[9; 48], [2; 48], [3; 48]], [[0; 48]; 3]] {
        assert_eq!(Enclave { image, ..Enclave::right() }.refusal().await, "KmsDenied");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_document_under_another_root_gets_nothing() {
    let stranger = Enclave { root_is_known: false, ..Enclave::right() };
    assert_eq!(stranger.refusal().await, "KmsRefused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn an_image_of_another_deployment_gets_nothing() {
    let other = Enclave { deployment: "other".into(), ..Enclave::right() };
    assert_eq!(other.refusal().await, "KmsDenied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the emulated AWS: ./dev test aws"]
async fn a_key_that_is_not_there_gives_nothing() {
    let mut enclave = Enclave::right();
    enclave.key_arn.replace_range(enclave.key_arn.len() - 12.., "000000000000");
    assert_eq!(enclave.refusal().await, "KmsDenied");
}
