//! The way in, and how the program ends.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use sharekeep_enclave_host::{Drain, Forward};
use sharekeep_schemas::enclave::EnclaveHealth;
use sharekeep_schemas::{EnclaveKeyId, codec};
use sharekeep_vsock::{Address, Listener, Stream};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const SOON: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(20);

struct Host {
    address: SocketAddr,
    enclave: Listener,
    drain: Drain,
    folder: tempfile::TempDir,
}

async fn host(connections: usize) -> Host {
    let folder = tempfile::tempdir().unwrap();
    let socket = Address::Unix(folder.path().join("enclave"));
    let enclave = Listener::bind(&socket).unwrap();
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, drain) = (front.local_addr().unwrap(), Drain::default());
    let forward = Forward { enclave: socket, connections, idle: LONG };
    tokio::spawn(forward.serve(front, drain.clone()));
    Host { address, enclave, drain, folder }
}

impl Host {
    async fn connect(&mut self) -> (TcpStream, Box<dyn Stream>) {
        let (outside, inside) =
            tokio::join!(TcpStream::connect(self.address), self.enclave.accept());
        (outside.unwrap(), inside.unwrap())
    }
}

#[tokio::test]
async fn a_large_call_and_its_answer_come_through_unchanged() {
    let mut host = host(4).await;
    let (mut outside, mut inside) = host.connect().await;
    let sent: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
    let whole = sent.clone();
    let enclave = tokio::spawn(async move {
        let mut received = vec![0; whole.len()];
        inside.read_exact(&mut received).await.unwrap();
        assert_eq!(received, whole);
        received.reverse();
        inside.write_all(&received).await.unwrap();
    });
    outside.write_all(&sent).await.unwrap();
    let mut answer = vec![0; sent.len()];
    outside.read_exact(&mut answer).await.unwrap();
    answer.reverse();
    assert_eq!(answer, sent);
    enclave.await.unwrap();
}

#[tokio::test]
async fn a_caller_that_does_not_read_is_not_read_for() {
    let mut host = host(1).await;
    let (outside, mut inside) = host.connect().await;
    let written = Arc::new(AtomicUsize::new(0));
    let counted = written.clone();
    let endless = tokio::spawn(async move {
        let block = vec![7; 65_536];
        while inside.write_all(&block).await.is_ok() {
            counted.fetch_add(block.len(), Ordering::Relaxed);
        }
    });
    let mut last = usize::MAX;
    while last != written.load(Ordering::Relaxed) {
        last = written.load(Ordering::Relaxed);
        tokio::time::sleep(SOON).await;
    }
    // What the kernel keeps for both sockets; the rest of an endless answer waits in the enclave.
    assert!(last < 32 << 20, "{last}");
    assert!(!endless.is_finished());
    drop(outside);
    tokio::time::timeout(LONG, endless).await.unwrap().unwrap();
}

#[tokio::test]
async fn more_connections_than_allowed_wait_until_one_ends() {
    let mut host = host(2).await;
    let (first, _first_inside) = host.connect().await;
    let _second = host.connect().await;
    let third = TcpStream::connect(host.address).await.unwrap();
    assert!(tokio::time::timeout(SOON, host.enclave.accept()).await.is_err());
    drop(first);
    drop(_first_inside);
    tokio::time::timeout(LONG, host.enclave.accept()).await.unwrap().unwrap();
    drop(third);
}

#[tokio::test]
async fn without_an_enclave_the_connection_is_closed_cleanly() {
    let host = host(1).await;
    drop(host.enclave);
    std::fs::remove_file(host.folder.path().join("enclave")).unwrap();
    for _ in 0..3 {
        let mut outside = TcpStream::connect(host.address).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(LONG, outside.read_to_end(&mut answer)).await.unwrap();
        assert_eq!((read.unwrap(), answer.len()), (0, 0));
    }
}

#[tokio::test]
async fn an_enclave_that_dies_ends_its_connections() {
    let mut host = host(1).await;
    let (mut outside, inside) = host.connect().await;
    outside.write_all(b"a call").await.unwrap();
    drop(inside);
    let mut answer = Vec::new();
    // An end or a reset: either tells the caller at once.
    let _ = tokio::time::timeout(LONG, outside.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.is_empty());
}

#[tokio::test]
async fn a_drain_refuses_new_connections_and_lets_running_ones_end() {
    let mut host = host(4).await;
    let (mut outside, mut inside) = host.connect().await;
    let drain = host.drain.clone();
    let drained = tokio::spawn(async move { drain.finish(LONG).await });
    while TcpStream::connect(host.address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!drained.is_finished());
    inside.write_all(b"late answer").await.unwrap();
    drop(inside);
    let mut answer = String::new();
    outside.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "late answer");
    drop(outside);
    assert!(drained.await.unwrap());
}

#[tokio::test]
async fn a_drain_cuts_what_does_not_end() {
    let mut host = host(4).await;
    let (mut outside, _inside) = host.connect().await;
    assert!(!host.drain.finish(SOON).await);
    assert_eq!(outside.read(&mut [0]).await.unwrap_or(0), 0);
}

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Answers the host's own questions, and gives everybody else's connections to the test.
async fn answer_health(mut enclave: Listener, others: mpsc::Sender<Box<dyn Stream>>) {
    let body = codec::encode(&EnclaveHealth {
        enclave_key: EnclaveKeyId::new([7; 32]),
        time_unix_s: 1,
        pcrs: vec![],
        kms_ok_age_s: None,
        kms_failing: false,
        ceremonies: 0,
        queued_steps: 0,
        primes_ready: 0,
        primes_wanted: 0,
    });
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    loop {
        let mut stream = enclave.accept().await.unwrap();
        let (head, body, others) = (head.clone(), body.clone(), others.clone());
        tokio::spawn(async move {
            let mut said = vec![0; 1_000];
            let read = stream.read(&mut said).await.unwrap_or(0);
            if said[..read].starts_with(b"GET /health ") {
                let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
            } else {
                let _ = others.send(stream).await;
            }
        });
    }
}

/// An embedded DynamoDB with the table; where it serves.
async fn store_with_a_fleet() -> (dynoxide::Database, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let store = dynoxide::Database::memory().unwrap();
    let key = |name, kind| serde_json::json!({ "AttributeName": name, "KeyType": kind });
    let attribute = |name| serde_json::json!({ "AttributeName": name, "AttributeType": "S" });
    let table = serde_json::json!({
        "TableName": "test-fleet",
        "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
        "AttributeDefinitions": [attribute("pk"), attribute("sk")],
        "BillingMode": "PAY_PER_REQUEST",
    });
    store.create_table(serde_json::from_value(table).unwrap()).unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, store.clone()));
    (store, endpoint)
}

fn fleet(store: &dynoxide::Database) -> serde_json::Value {
    let scan = serde_json::json!({ "TableName": "test-fleet", "ConsistentRead": true });
    let found = store.scan(serde_json::from_value(scan).unwrap()).unwrap();
    serde_json::to_value(found).unwrap()["Items"].clone()
}

async fn until(what: impl Fn() -> bool) {
    let holds = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, holds).await.unwrap();
}

#[tokio::test]
async fn the_program_says_that_it_is_there_and_ends_well_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let socket = |name: &str| Address::Unix(folder.path().join(name));
    let (others, mut callers) = mpsc::channel(4);
    tokio::spawn(answer_health(Listener::bind(&socket("enclave")).unwrap(), others));
    let (store, endpoint) = store_with_a_fleet().await;
    // Free a moment ago; nobody else here is in a hurry to take it.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let program = Command::new(env!("CARGO_BIN_EXE_enclave-host"))
        .args(["--listen", &address.to_string(), "--region", "eu-central-1"])
        .args(["--enclave", &socket("enclave").to_string()])
        .args(["--egress", &socket("egress").to_string()])
        .args(["--credentials", &socket("credentials").to_string()])
        .args(["--allow", "kms.eu-central-1.amazonaws.com:443"])
        .args(["--fleet-table", "test-fleet", "--advertise", &address.to_string()])
        .envs([("AWS_ENDPOINT_URL", endpoint.as_str()), ("AWS_ACCESS_KEY_ID", "test")])
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .stderr(Stdio::null())
        .spawn();
    let mut program = Program(program.unwrap());
    until(|| fleet(&store)[0]["address"]["S"] == address.to_string()).await;
    let row = &fleet(&store)[0];
    assert_eq!(row["sk"]["S"], EnclaveKeyId::new([7; 32]).to_string());
    assert_eq!(row["draining"]["BOOL"], false);
    let mut outside = TcpStream::connect(address).await.unwrap();
    outside.write_all(b"a call").await.unwrap();
    let mut inside = callers.recv().await.unwrap();

    let pid = program.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    until(|| fleet(&store)[0]["draining"]["BOOL"] == true).await;
    assert!(TcpStream::connect(address).await.is_ok(), "ceremonies go on");
    until(|| fleet(&store).as_array().unwrap().is_empty()).await;
    while TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(program.0.try_wait().unwrap().is_none(), "it waits for what runs");
    inside.write_all(b"done").await.unwrap();
    drop(inside);
    let mut answer = String::new();
    outside.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "done");
    drop(outside);
    let ended = tokio::task::spawn_blocking(move || program.0.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));
}
