//! What the host says of its enclave in the table `fleet`.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use serde_bytes::ByteBuf;
use sharekeep_enclave_host::{Error, FleetTable, Registration};
use sharekeep_schemas::enclave::EnclaveHealth;
use sharekeep_schemas::fleet::{BEAT_EVERY, EnclaveAddress, FleetRow, KEPT_FOR};
use sharekeep_schemas::{EnclaveKeyId, codec};
use sharekeep_vsock::{Address, Listener};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Long enough for the enclave to be looked at again.
const SOON: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(20);

/// A table in memory, with all that was ever put.
#[derive(Clone, Default)]
struct Table {
    rows: Arc<Mutex<BTreeMap<EnclaveKeyId, FleetRow>>>,
    puts: Arc<AtomicU32>,
    away: Arc<AtomicBool>,
}

impl FleetTable for Table {
    async fn put(&self, row: FleetRow) -> Result<(), Error> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::Fleet("away".to_owned()));
        }
        self.puts.fetch_add(1, Ordering::SeqCst);
        self.rows.lock().unwrap().insert(row.enclave_key, row);
        Ok(())
    }

    async fn delete(&self, key: EnclaveKeyId) -> Result<(), Error> {
        self.rows.lock().unwrap().remove(&key);
        Ok(())
    }
}

impl Table {
    fn rows(&self) -> Vec<FleetRow> {
        self.rows.lock().unwrap().values().cloned().collect()
    }

    fn only(&self) -> FleetRow {
        let rows = self.rows();
        assert_eq!(rows.len(), 1);
        rows.into_iter().next().unwrap()
    }
}

/// An enclave that says how it is, or nothing.
#[derive(Clone, Default)]
struct Enclave {
    key: Arc<AtomicU8>,
    ceremonies: Arc<AtomicU32>,
    silent: Arc<AtomicBool>,
}

impl Enclave {
    async fn serve(self, mut listener: Listener) {
        loop {
            let mut stream = listener.accept().await.unwrap();
            if self.silent.load(Ordering::SeqCst) {
                continue;
            }
            let mut head = vec![0; 1_000];
            let read = stream.read(&mut head).await.unwrap();
            assert!(head[..read].starts_with(b"GET /health HTTP/1.1\r\n"));
            let body = codec::encode(&EnclaveHealth {
                enclave_key: EnclaveKeyId::new([self.key.load(Ordering::SeqCst); 32]),
                time_unix_s: 1,
                pcrs: vec![ByteBuf::from(vec![1; 48]); 3],
                kms_ok_age_s: None,
                kms_failing: false,
                ceremonies: self.ceremonies.load(Ordering::SeqCst),
                queued_steps: 2,
                primes_ready: 0,
                primes_wanted: 0,
            });
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
        }
    }
}

struct Host {
    table: Table,
    enclave: Enclave,
    leave: oneshot::Sender<Duration>,
    left: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Host {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = Address::Unix(folder.path().join("enclave"));
        let (table, enclave) = (Table::default(), Enclave::default());
        tokio::spawn(enclave.clone().serve(Listener::bind(&socket).unwrap()));
        let registration = Registration::new(table.clone(), socket, advertised());
        let mut registered = registration.registered();
        let (leave, told) = oneshot::channel();
        let left = tokio::spawn(registration.serve(async { told.await.unwrap() }));
        registered.wait_for(Option::is_some).await.unwrap();
        Self { table, enclave, leave, left, _folder: folder }
    }
}

fn advertised() -> EnclaveAddress {
    "10.0.1.7:8443".parse().unwrap()
}

/// Waits until something holds.
async fn until(what: impl Fn() -> bool) {
    let holds = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, holds).await.unwrap();
}

async fn took<T>(what: impl Future<Output = T>) -> Duration {
    let begun = Instant::now();
    what.await;
    begun.elapsed()
}

#[tokio::test]
async fn a_living_enclave_has_a_row_that_is_written_again_and_again() {
    let host = Host::start().await;
    let first = host.table.only();
    assert_eq!((first.address, first.queued_steps), (advertised(), 2));
    assert!(!first.draining && first.is_alive(first.heartbeat_unix_ms));
    host.enclave.ceremonies.store(7, Ordering::SeqCst);
    until(|| host.table.only().ceremonies == 7).await;
    let second = host.table.only();
    assert!(second.heartbeat_unix_ms - first.heartbeat_unix_ms >= 2_500);
    assert!(second.expires_at_unix_s > second.heartbeat_unix_ms / 1000);
    // Looked at more often than written.
    assert_eq!(host.table.puts.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_enclave_that_falls_silent_gets_no_heartbeat() {
    let host = Host::start().await;
    host.enclave.silent.store(true, Ordering::SeqCst);
    tokio::time::sleep(SOON).await;
    let last = host.table.only();
    tokio::time::sleep(BEAT_EVERY + SOON).await;
    assert_eq!(host.table.only(), last);
    host.enclave.silent.store(false, Ordering::SeqCst);
    until(|| host.table.only() != last).await;
}

#[tokio::test]
async fn an_enclave_that_was_started_anew_takes_the_place_of_its_former_self() {
    let host = Host::start().await;
    host.enclave.key.store(9, Ordering::SeqCst);
    let anew = EnclaveKeyId::new([9; 32]);
    tokio::time::timeout(
        SOON,
        until(|| host.table.rows().iter().any(|row| row.enclave_key == anew)),
    )
    .await
    .unwrap();
    until(|| host.table.rows().len() == 1).await;
    assert_eq!(host.table.only().enclave_key, anew);
}

#[tokio::test]
async fn a_table_that_is_away_is_written_when_it_is_back() {
    let host = Host::start().await;
    let before = host.table.only();
    host.table.away.store(true, Ordering::SeqCst);
    tokio::time::sleep(BEAT_EVERY + SOON).await;
    assert_eq!(host.table.only(), before);
    host.table.away.store(false, Ordering::SeqCst);
    until(|| host.table.only() != before).await;
}

#[tokio::test]
async fn a_host_that_leaves_says_so_first_and_waits_for_functions_and_ceremonies() {
    let host = Host::start().await;
    host.enclave.ceremonies.store(1, Ordering::SeqCst);
    host.leave.send(LONG).unwrap();
    until(|| host.table.only().draining).await;
    tokio::time::sleep(2 * KEPT_FOR + Duration::from_secs(5)).await;
    assert!(!host.left.is_finished(), "a ceremony runs");
    assert!(host.table.only().draining);
    host.enclave.ceremonies.store(0, Ordering::SeqCst);
    tokio::time::timeout(SOON, host.left).await.unwrap().unwrap();
    assert!(host.table.rows().is_empty());
}

#[tokio::test]
async fn a_host_without_ceremonies_still_waits_until_functions_know() {
    let host = Host::start().await;
    host.leave.send(LONG).unwrap();
    let waited = took(host.left).await;
    assert!(waited >= 2 * KEPT_FOR && waited < LONG, "{waited:?}");
}

#[tokio::test]
async fn a_ceremony_without_end_keeps_no_host_for_longer_than_it_was_given() {
    let host = Host::start().await;
    host.enclave.ceremonies.store(1, Ordering::SeqCst);
    host.leave.send(SOON).unwrap();
    assert!(took(host.left).await < SOON + SOON);
    assert!(host.table.rows().is_empty());
}

#[tokio::test]
async fn a_host_whose_enclave_is_gone_leaves_without_it() {
    let host = Host::start().await;
    host.enclave.ceremonies.store(1, Ordering::SeqCst);
    host.enclave.silent.store(true, Ordering::SeqCst);
    host.leave.send(LONG).unwrap();
    assert!(took(host.left).await < LONG / 2);
    assert!(host.table.rows().is_empty());
}
