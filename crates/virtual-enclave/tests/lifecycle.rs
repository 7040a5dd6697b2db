//! How a machine starts and ends, with scripts in the place of QEMU and vsock, and the test in the
//! guest's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sharekeep_image::{Entry, Image, Ramdisk};
use sharekeep_testkit::{NsmRoot, SoftNsm};
use sharekeep_virtual_enclave::{Error, Machine, Settings, Tools};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Keeps its id, for a test that looks whether it has ended.
const RUNS: &str = "echo $$ > $(basename $0).pid; exec sleep 600";

/// A vsock that is there, as far as QEMU sees before it starts.
const VSOCK_RUNS: &str = "touch vhost.sock; echo $$ > vsock-tool.pid; exec sleep 600";

struct Setup {
    folder: TempDir,
    tools: Tools,
}

impl Setup {
    fn new(qemu: &str, vsock: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let tools = Tools { qemu: script("qemu", qemu), vsock: script("vsock-tool", vsock) };
        Self { folder, tools }
    }

    fn machine(&self) -> PathBuf {
        self.folder.path().join("machine")
    }

    async fn start(&self) -> Result<Machine, Error> {
        let ramdisk = |name| Ramdisk::new([(name, Entry::Folder)]).unwrap();
        let image = Image::new(b"-".to_vec(), "panic=1", [ramdisk("a"), ramdisk("b")]).unwrap();
        let leaf = NsmRoot::ephemeral().unwrap().issue_leaf("i-0test-enc1", [[1; 48]; 3]).unwrap();
        let settings = Settings {
            folder: self.machine(),
            memory_mib: Settings::MEMORY_MIB,
            parent: Vec::new(),
        };
        Machine::start(&self.tools, &image, SoftNsm::new(leaf), settings).await
    }

    /// Starts a machine, and sends what its guest would.
    async fn started(&self) -> Machine {
        let (machine, ()) = tokio::join!(self.start(), self.heartbeat());
        machine.unwrap()
    }

    async fn heartbeat(&self) {
        let socket = self.machine().join("vsock_9000");
        // QEMU's start is the last thing before the wait for this.
        while !self.machine().join("qemu.pid").exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let mut guest = UnixStream::connect(socket).await.unwrap();
        guest.write_u8(0xB7).await.unwrap();
        assert_eq!(guest.read_u8().await.unwrap(), 0xB7);
    }

    fn runs(&self, name: &str) -> bool {
        let id = fs::read_to_string(self.machine().join(name)).unwrap();
        let status = fs::read_to_string(Path::new("/proc").join(id.trim()).join("stat"));
        status.is_ok_and(|status| !status.contains(") Z "))
    }

    /// Whether neither program runs any more, soon.
    async fn ended(&self) -> bool {
        for _ in 0..500 {
            if !self.runs("qemu.pid") && !self.runs("vsock-tool.pid") {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

#[tokio::test]
async fn a_machine_is_started_when_its_heartbeat_is_answered_and_ends_when_dropped() {
    let setup = Setup::new(RUNS, VSOCK_RUNS);
    let machine = setup.started().await;
    assert_eq!(machine.enclave(), setup.machine().canonicalize().unwrap().join("enclave.sock"));
    assert!(setup.runs("qemu.pid") && setup.runs("vsock-tool.pid"));
    drop(machine);
    assert!(setup.ended().await);
}

#[tokio::test]
async fn a_killed_guest_s_socket_refuses_and_a_machine_of_the_same_folder_takes_it_over() {
    let setup = Setup::new(RUNS, VSOCK_RUNS);
    let mut first = setup.started().await;
    let socket = first.enclave().to_owned();
    first.kill().await.unwrap();
    assert!(setup.ended().await);
    assert!(UnixStream::connect(&socket).await.is_err());
    assert!(matches!(first.resident_bytes(), Err(Error::File { .. })));
    fs::remove_file(setup.machine().join("qemu.pid")).unwrap();
    let second = setup.started().await;
    assert_eq!(second.enclave(), socket);
    assert!(UnixStream::connect(&socket).await.is_ok());
}

#[tokio::test]
async fn a_guest_that_ends_before_its_heartbeat_leaves_its_last_words() {
    let qemu = "echo 'Kernel panic: no init' > console.log; echo 'bad option' >&2; exit 1";
    let setup = Setup::new(qemu, VSOCK_RUNS);
    match setup.start().await {
        Err(Error::Ended { program, last_lines }) => {
            assert_eq!(program, setup.tools.qemu);
            assert_eq!(last_lines, "Kernel panic: no init\nbad option");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it has no guest"),
    }
}

#[tokio::test]
async fn without_vsock_there_is_no_machine_and_the_error_says_why() {
    let setup = Setup::new(RUNS, "echo 'cannot bind' >&2; exit 1");
    let Err(error) = setup.start().await else { panic!("it has no vsock") };
    assert!(error.to_string().contains("cannot bind"), "{error}");
    assert!(!setup.machine().join("qemu.pid").exists());
}
