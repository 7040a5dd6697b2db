use crate::scripted::{Act, done};
use crate::world::{World, unsigned};
use sharekeep_schemas::*;
use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};

/// What all tests of this program log.
static CAPTURED: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static INSTALLED: Once = Once::new();

struct Captured;

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        CAPTURED.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Captures what is logged from here on, by any thread.
pub(crate) fn capture() {
    INSTALLED.call_once(|| {
        tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::INFO)
            .with_writer(|| Captured)
            .init();
    });
}

#[tokio::test]
async fn the_log_tells_what_happened_and_nothing_about_anybody() {
    let world = World::new().await;
    let user = UserId::new([0x5a; 32]);
    let signer = world.session(user).await;
    let wallet = WalletId::new([0xa5; 16]);
    let key = "log-test-key-0000001".to_owned();
    world.enclave.says(done("{\"sealed\":\"ANSWER\"}", vec![]));
    let path = format!("/v1/wallets/{wallet}/archive");
    world.post(&signer, &path, b"sealed-body", &key).await;
    world.enclave.will(Act::Status(500, ""));
    world.post(&signer, "/v1/wallets", b"sealed-body", &world.key()).await;
    world.send(unsigned("GET", "/v1/private-path?secret=1", b"")).await;

    let log = CAPTURED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let log = String::from_utf8(log).unwrap();
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
