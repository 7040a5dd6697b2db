//! The third way to have a stack: the enclave is the image that is shipped, booted as the guest of a
//! virtual machine.
//!
//! `./dev test vm` sets the variables that are read here.

use sharekeep_image::{Image, Parts, enclave};
use sharekeep_local::Error;
use sharekeep_local::stack::{EnclavePlace, Enclaves, StackOptions, Started, Starting};
use sharekeep_local::world::Measurements;
use sharekeep_schemas::codec;
use sharekeep_schemas::trust::{MAX_TRUST_BYTES, TrustConfiguration};
use sharekeep_testkit::SoftNsm;
use sharekeep_virtual_enclave::{Machine, Settings, Started as MachineStarted, Tools};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use tempfile::TempDir;

/// What its NSM calls an enclave here.
const MODULE_ID: &str = "i-0virtual-enc0001";
/// The parent's ports that the image asks at.
const EGRESS_PORT: u32 = 8000;
const CREDENTIALS_PORT: u32 = 8001;
/// The first of the bytes with which an ELF header is filled up: nobody reads it.
const ELF_PADDING: usize = 9;

/// What is booted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Boots {
    /// The image that is trusted.
    Release,
    /// One with another byte in the program, which serves as before.
    ChangedProgram,
    /// One with another byte in a release key, which serves as before: somebody would like to name the
    /// next image.
    ChangedTrust,
    /// The image that is trusted, in debug mode: its security module has measured nothing.
    Debug,
}

/// Runs enclaves as guests, one at a time for what it tells about them.
pub struct Guests {
    tools: Tools,
    kernel: Vec<u8>,
    program: Vec<u8>,
    boots: Boots,
    folder: TempDir,
    number: AtomicU32,
    last: Mutex<Weak<Machine>>,
}

impl Guests {
    /// Guests that are not started yet.
    pub fn new(boots: Boots) -> Arc<Self> {
        Arc::new(Self {
            tools: Tools::from_env().unwrap(),
            kernel: std::fs::read(given("SHAREKEEP_TEST_KERNEL")).unwrap(),
            program: std::fs::read(given("SHAREKEEP_TEST_PROGRAM")).unwrap(),
            boots,
            folder: TempDir::new().unwrap(),
            number: AtomicU32::default(),
            last: Mutex::default(),
        })
    }

    /// A stack whose enclave is such a guest.
    pub fn options(self: &Arc<Self>) -> StackOptions {
        let enclaves: Arc<dyn Enclaves> = self.clone();
        StackOptions { enclaves: Some(enclaves), ..StackOptions::default() }
    }

    /// Memory of the guest that was ever touched.
    pub fn resident_bytes(&self) -> u64 {
        self.machine().resident_bytes().unwrap()
    }

    /// All that the guest wrote to its console.
    pub fn console(&self) -> String {
        self.machine().console()
    }

    /// When the guest came up.
    pub fn started(&self) -> MachineStarted {
        self.machine().started()
    }

    fn machine(&self) -> Arc<Machine> {
        self.last.lock().unwrap().upgrade().unwrap()
    }

    /// What the image that is booted is attested with.
    pub fn booted(&self, trust: &[u8]) -> Measurements {
        measured(&self.image(trust, self.boots))
    }

    fn image(&self, trust: &[u8], boots: Boots) -> Image {
        let (kernel, mut program, mut trust) =
            (self.kernel.clone(), self.program.clone(), trust.to_vec());
        match boots {
            Boots::Release | Boots::Debug => {}
            Boots::ChangedProgram => program[ELF_PADDING] ^= 1,
            Boots::ChangedTrust => trust = with_another_release_key(&trust),
        }
        enclave(Parts { kernel, program, trust }).unwrap()
    }

    async fn boot(&self, place: EnclavePlace<'_>) -> Result<Started, Error> {
        let image = self.image(place.trust, self.boots);
        let measurements = match self.boots {
            Boots::Debug => Measurements([[0; 48]; 3]),
            _ => measured(&image),
        };
        let leaf = place.nsm_root.issue_leaf(MODULE_ID, measurements.0).unwrap();
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let settings = Settings {
            folder: self.folder.path().join(number.to_string()),
            memory_mib: Settings::MEMORY_MIB,
            parent: vec![
                (EGRESS_PORT, place.egress_socket.to_owned()),
                (CREDENTIALS_PORT, place.credentials_socket.to_owned()),
            ],
        };
        let machine = Machine::start(&self.tools, &image, SoftNsm::new(leaf), settings)
            .await
            .map_err(|error| Error::Enclave(error.to_string()))?;
        link(machine.enclave(), place.socket);
        let machine = Arc::new(machine);
        *self.last.lock().unwrap() = Arc::downgrade(&machine);
        Ok(Box::new(machine))
    }
}

impl Enclaves for Guests {
    fn measurements(&self, trust: &[u8]) -> Measurements {
        measured(&self.image(trust, Boots::Release))
    }

    fn start<'a>(&'a self, place: EnclavePlace<'a>) -> Starting<'a> {
        Box::pin(self.boot(place))
    }
}

fn measured(image: &Image) -> Measurements {
    let measured = image.measurements();
    Measurements([measured.pcr0, measured.pcr1, measured.pcr2].map(|pcr| pcr.0))
}

/// Puts a guest's socket where the host looks for it.
fn link(socket: &Path, place: &Path) {
    // Of the guest before.
    let _ = std::fs::remove_file(place);
    std::os::unix::fs::symlink(socket, place).unwrap();
}

/// The nearest configuration that an enclave takes: half of all numbers are no key.
fn with_another_release_key(trust: &[u8]) -> Vec<u8> {
    let honest: TrustConfiguration = codec::decode(trust, MAX_TRUST_BYTES).unwrap();
    let others = (1..=u8::MAX).map(|change| {
        let mut other = honest.clone();
        other.release_keys[0][0] ^= change;
        codec::encode(&other)
    });
    others.into_iter().find(|other| sharekeep_trust::Trust::from_bytes(other).is_ok()).unwrap()
}

fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `./dev test vm`"))
}
