//! The real KMS client and the real egress port against software twins: TLS ends in this process,
//! documents are verified, and no plaintext key is ever accepted.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod twin;

use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_bytes::ByteArray;
use sharekeep_enclave_app::kms::KmsClient;
use sharekeep_enclave_app::ports::{
    Address, CredentialSource, EgressProxy, IssuerKeySource, IssuerKeysOverEgress, KeyContext, Kms,
    KmsCredentials, Later,
};
use sharekeep_enclave_app::{Error, Trust};
use sharekeep_schemas::trust::TrustConfiguration;
use sharekeep_schemas::{SecretText, codec};
use sharekeep_testkit::{
    DevCa, EnvelopeForm, KmsFault, Measurements, NsmRoot, SoftKms, SoftKmsSettings, SoftNsm,
    kms_router,
};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use twin::{IMAGE, KMS_HOST, TwinNsm, kms_tls};
use zeroize::Zeroizing;

const ARN: &str = "arn:aws:kms:eu-central-1:000000000000:key/test";

/// The software KMS checks the attestation document and no request signature.
struct AnyCredentials;

impl CredentialSource for AnyCredentials {
    fn current(&self) -> Later<'_, Result<KmsCredentials, Error>> {
        Box::pin(async {
            Ok(KmsCredentials {
                access_key_id: "local".into(),
                secret_access_key: SecretText::new("local".into()),
                session_token: None,
            })
        })
    }
}

/// KMS behind TLS, behind an egress proxy on a Unix socket.
struct Outside {
    folder: tempfile::TempDir,
    ca: DevCa,
    nsm_root: NsmRoot,
    kms: Arc<SoftKms>,
    proxy: EgressProxy,
}

async fn outside() -> Outside {
    let folder = tempfile::tempdir().unwrap();
    let ca = DevCa::load_or_create(folder.path()).unwrap();
    let nsm_root = NsmRoot::ephemeral().unwrap();
    let kms = Arc::new(SoftKms::new(SoftKmsSettings {
        key_arn: ARN.into(),
        master_key: Zeroizing::new([9; 32]),
        nsm_root_der: nsm_root.root_der().to_vec(),
        allowed_pcrs: vec![IMAGE],
    }));
    let port = serve_tls(&ca, kms_router(kms.clone())).await;
    let socket = folder.path().join("egress.sock");
    serve_proxy(socket.clone(), port);
    let proxy = EgressProxy::new(Address::Unix(socket));
    Outside { folder, ca, nsm_root, kms, proxy }
}

async fn serve_tls(ca: &DevCa, router: axum::Router) -> u16 {
    let acceptor = kms_tls(ca);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, router) = (acceptor.clone(), router.clone());
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(stream).await else { return };
                let service = TowerToHyperService::new(router);
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(tls), service)
                    .await;
            });
        }
    });
    port
}

/// A proxy that knows the KMS host and refuses every other.
fn serve_proxy(socket: PathBuf, port: u16) {
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = client.read_u8().await else { return };
                    head.push(byte);
                }
                let wanted = format!("CONNECT {KMS_HOST}:443 HTTP/1.1\r\n");
                if !head.starts_with(wanted.as_bytes()) {
                    let _ = client.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
                    return;
                }
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
}

impl Outside {
    fn trust(&self, authorities: &str) -> Trust {
        let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key();
        let configuration = TrustConfiguration {
            version: 1,
            deployment: "test".into(),
            operator_key: ByteArray::new(key.to_bytes()),
            release_keys: vec![],
            release_threshold: 0,
            kms_key_arn: ARN.into(),
            kms_region: "eu-central-1".into(),
            kms_authorities_pem: Some(authorities.into()),
            egress_hosts: vec![],
        };
        Trust::from_bytes(&codec::encode(&configuration)).unwrap()
    }

    fn client(&self, image: Measurements, authorities: &str) -> KmsClient {
        let leaf = self.nsm_root.issue_leaf("i-0test-enc1", image).unwrap();
        KmsClient::new(
            &self.trust(authorities),
            Arc::new(self.proxy.clone()),
            Arc::new(TwinNsm(SoftNsm::new(leaf))),
            Arc::new(AnyCredentials),
        )
        .unwrap()
    }
}

fn context(tenant: &str) -> KeyContext {
    KeyContext::data_key(tenant.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_key_is_made_and_opened_again_in_both_encodings() {
    let outside = outside().await;
    let kms = outside.client(IMAGE, outside.ca.root_pem());
    for form in [EnvelopeForm::AwsBer, EnvelopeForm::Der] {
        outside.kms.set_envelope(form);
        let made = kms.generate(&context("shop")).await.unwrap();
        let opened = kms.open(&context("shop"), &made.wrapped).await.unwrap();
        assert_eq!(*opened, *made.key);
        // Another life has another RSA key, and opens it all the same.
        let other = outside.client(IMAGE, outside.ca.root_pem());
        assert_eq!(*other.open(&context("shop"), &made.wrapped).await.unwrap(), *made.key);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_key_of_another_tenant_or_a_changed_one_does_not_open() {
    let outside = outside().await;
    let kms = outside.client(IMAGE, outside.ca.root_pem());
    let mut wrapped = kms.generate(&context("shop")).await.unwrap().wrapped;
    let refused = kms.open(&context("bank"), &wrapped).await.err().unwrap();
    assert!(matches!(refused, Error::KmsRefused), "{refused:?}");
    let last = wrapped.len() - 1;
    wrapped[last] ^= 1;
    let refused = kms.open(&context("shop"), &wrapped).await.err().unwrap();
    assert!(matches!(refused, Error::KmsRefused), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_image_gets_no_key() {
    let outside = outside().await;
    let other = outside.client([[4; 48], [2; 48], [3; 48]], outside.ca.root_pem());
    let refused = other.generate(&context("shop")).await.err().unwrap();
    assert!(matches!(refused, Error::KmsDenied), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_kms_are_told_apart_and_plaintext_is_refused() {
    let outside = outside().await;
    let kms = outside.client(IMAGE, outside.ca.root_pem());
    let wrapped = kms.generate(&context("shop")).await.unwrap().wrapped;
    for (fault, expected) in [
        (KmsFault::Denied, "KmsDenied"),
        (KmsFault::Throttled, "KmsUnavailable"),
        (KmsFault::Internal, "KmsUnavailable"),
        (KmsFault::LeaksPlaintext, "Answer(\"kms sent a plaintext\")"),
        (KmsFault::ForeignKeyArn, "Answer(\"kms used another key\")"),
    ] {
        outside.kms.set_fault(Some(fault));
        for refused in [
            kms.generate(&context("shop")).await.err().unwrap(),
            kms.open(&context("shop"), &wrapped).await.err().unwrap(),
        ] {
            assert_eq!(format!("{refused:?}"), expected);
        }
    }
    outside.kms.set_fault(None);
    assert!(kms.open(&context("shop"), &wrapped).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kms_under_another_authority_is_not_talked_to() {
    let outside = outside().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = DevCa::load_or_create(elsewhere.path()).unwrap();
    let kms = outside.client(IMAGE, stranger.root_pem());
    let refused = kms.generate(&context("shop")).await.err().unwrap();
    assert!(matches!(refused, Error::KmsUnavailable), "{refused:?}");
    assert_eq!(outside.kms.calls(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_out_is_for_tls_to_allowed_hosts_only() {
    let outside = outside().await;
    let source = IssuerKeysOverEgress::new(Arc::new(outside.proxy.clone()));
    let pem = outside.ca.root_pem();
    for (uri, expected) in [
        ("http://kms.eu-central-1.amazonaws.com/jwks", "EgressForbidden"),
        ("https://elsewhere.example.com/jwks", "Egress"),
        ("file:///etc/passwd", "EgressForbidden"),
        ("https://a\r\nb/", "EgressForbidden"),
    ] {
        let refused = source.fetch(uri, Some(pem)).await.err().unwrap();
        assert!(format!("{refused:?}").starts_with(expected), "{uri}: {refused:?}");
    }
    assert!(outside.folder.path().exists());
}
