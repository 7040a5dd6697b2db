//! `sharekeep-local up` as a person or a script uses it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use sharekeep_local::world::unused_port;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Kills the stack when a test fails half-way.
struct Up {
    child: Child,
    said: Vec<String>,
    port: u16,
}

impl Up {
    fn start(data: &Path) -> Self {
        let port = unused_port().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_sharekeep-local"))
            .args(["up", "--port", &port.to_string(), "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line == "ready" {
                return Self { child, said, port };
            }
            said.push(line);
        }
        panic!("ended before it was ready: {:?}", child.wait());
    }

    fn says(&self, name: &str) -> &str {
        self.said.iter().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap()
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let host = format!("127.0.0.1:{}", self.port);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn process(&self, role: &str) -> String {
        let pids = self.says("processes");
        let (_, rest) = pids.split_once(&format!("{role} ")).unwrap();
        rest.split(',').next().unwrap().to_owned()
    }

    fn signal(pid: &str, name: &str) {
        assert!(Command::new("kill").args([name, pid]).status().unwrap().success());
    }

    fn interrupt(mut self) -> ExitStatus {
        Self::signal(&self.child.id().to_string(), "-INT");
        self.wait()
    }

    fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it does not stop");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn alive(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

#[test]
fn it_serves_stops_in_order_and_starts_again_on_the_same_data() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let up = Up::start(&data);
    assert!(up.get("/healthz").starts_with("HTTP/1.1 200 "));
    assert!(up.get("/openapi.json").contains("\"3.1."));
    assert!(up.says("openapi page").ends_with("/docs"));
    assert!(up.get("/docs").starts_with("HTTP/1.1 "));
    for named in ["attestation root", "release keys", "release", "identity provider ca"] {
        assert!(Path::new(up.says(named)).is_file(), "{named}");
    }
    let trust = std::fs::read(data.join("trust.cbor")).unwrap();
    let provider = up.says("identity provider").to_owned();
    let (enclave, functions) = (up.process("enclave"), up.process("functions"));
    assert!(up.interrupt().success());
    assert!(!alive(&enclave) && !alive(&functions));

    let up = Up::start(&data);
    assert_eq!(std::fs::read(data.join("trust.cbor")).unwrap(), trust);
    assert_eq!(up.says("identity provider"), provider);
    assert!(up.interrupt().success());
}

#[test]
fn it_ends_with_an_error_when_one_of_its_processes_dies() {
    let dir = tempfile::tempdir().unwrap();
    for role in ["enclave", "functions"] {
        let mut up = Up::start(dir.path());
        Up::signal(&up.process(role), "-KILL");
        assert!(!up.wait().success());
        let other = if role == "enclave" { "functions" } else { "enclave" };
        assert!(!alive(&up.process(other)));
    }
}

#[test]
fn its_processes_end_when_it_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut up = Up::start(dir.path());
    let pids = [up.process("enclave"), up.process("functions")];
    Up::signal(&up.child.id().to_string(), "-KILL");
    up.wait();
    let end = Instant::now() + Duration::from_secs(15);
    while pids.iter().any(|pid| alive(pid)) {
        assert!(Instant::now() < end, "orphans");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_roles_do_nothing_without_a_supervisor() {
    for role in ["enclave", "functions"] {
        let status = Command::new(env!("CARGO_BIN_EXE_sharekeep-local"))
            .arg(role)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!status.success());
    }
}
