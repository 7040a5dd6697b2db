use crate::scripted::{Act, done};
use crate::world::{World, unsigned};
use sharekeep_schemas::*;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing::instrument::WithSubscriber;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_tells_what_happened_and_nothing_about_anybody() {
    let world = World::new().await;
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || writer.clone())
        .finish();
    let user = UserId::new([1; 32]);
    let signer = world.session(user).await;
    let wallet = WalletId::new([5; 16]);
    let key = world.key();
    let requests = async {
        world.enclave.says(done("{\"sealed\":\"ANSWER\"}", vec![]));
        let path = format!("/v1/wallets/{wallet}/archive");
        world.post(&signer, &path, b"sealed-body", &key).await;
        world.enclave.will(Act::Status(500, ""));
        world.post(&signer, "/v1/wallets", b"sealed-body", &world.key()).await;
        world.send(unsigned("GET", "/v1/private-path?secret=1", b"")).await;
    };
    requests.with_subscriber(subscriber).await;

    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/v1/wallets/{id}/archive"), "{log}");
    assert!(log.contains("\"status\":200") && log.contains("\"code\":\"not_found\""), "{log}");
    assert!(log.contains("the enclave broke the contract"), "{log}");
    for private in [
        user.to_string(),
        signer.id.to_string(),
        wallet.to_string(),
        key,
        "ANSWER".into(),
        "private-path".into(),
        "secret=1".into(),
        "c2VhbGVkLWJvZHk".into(),
    ] {
        assert!(!log.contains(&private), "{private} in {log}");
    }
}
