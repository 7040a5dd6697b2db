//! The same ceremonies through the whole local stack: the SDK in this process, functions, enclave
//! and store in theirs.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sharekeep::{Client, Home, NewWallet, OpenHome, Passphrase, Session, SignedIn, Silent};
use sharekeep_demo::{Programs, Stack, free_port};
use sharekeep_messages::SignRequest;
use sharekeep_schemas::{Protocol, Scheme};
use tokio::runtime::Runtime;

use crate::cpu;
use crate::row::Cost;

/// How long a stack is left alone before measuring: a preparation finds primes ready, and what is
/// measured does not share the caches with the search for them.
const PATIENCE_WITH_PRIMES: Duration = Duration::from_secs(180);

/// A running stack with a signed-in user.
pub(crate) struct Bench {
    stack: Stack,
    runtime: Runtime,
    client: Client,
    home: OpenHome,
    session: Session,
}

/// What the enclave's threads that search for primes are called, before their number.
const PRIME_THREADS: &str = "primes-";

/// CPU so far, by who spent it.
#[derive(Clone, Copy)]
struct Clocks {
    client: Duration,
    functions: Duration,
    enclave: Duration,
    prime_search: Duration,
    stand_ins: Duration,
}

impl Bench {
    /// Starts a stack in an empty directory and signs a user in.
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        let programs = Programs::beside_this_one()?;
        let stack = programs.start_stack(&directory.join("data"), free_port()?, None)?;
        let passphrase = directory.join("passphrase");
        std::fs::write(&passphrase, "only for the bench")?;
        std::fs::set_permissions(&passphrase, Permissions::from_mode(0o600))?;
        let user = programs.user(&directory.join("device"), &passphrase);
        user.sign_in(&stack, "alice")?;
        user.set_up_recovery(&passphrase, &directory.join("recovery-code"))?;
        let runtime = Runtime::new()?;
        let passphrase = Passphrase::new("only for the bench".to_owned())?;
        let home = Home::open(user.home())?.unlock(&passphrase)?;
        let client = Client::new(home.settings().clone(), home.pins()?)?;
        let session = home.session()?.context("the session is gone")?;
        Ok(Self { stack, runtime, client, home, session })
    }

    /// Waits until the enclave searches for primes no more.
    pub(crate) fn settle(&self) -> Result<()> {
        let enclave = self.stack.process("enclave")?;
        let began = Instant::now();
        while began.elapsed() < PATIENCE_WITH_PRIMES {
            let before = cpu::of_process(enclave)?;
            std::thread::sleep(Duration::from_millis(1_500));
            if cpu::of_process(enclave)? - before < Duration::from_millis(60) {
                return Ok(());
            }
        }
        anyhow::bail!("the enclave does not come to rest")
    }

    fn clocks(&self) -> Result<Clocks> {
        let enclave = self.stack.process("enclave")?;
        let prime_search = cpu::of_threads_named(enclave, PRIME_THREADS)?;
        Ok(Clocks {
            client: cpu::of_process(std::process::id())?,
            functions: cpu::of_process(self.stack.process("functions")?)?,
            enclave: cpu::of_process(enclave)?.saturating_sub(prime_search),
            prime_search,
            stand_ins: cpu::of_process(self.stack.process("supervisor")?)?,
        })
    }

    /// Mean cost of repeating something.
    fn measure(
        &self,
        times: u32,
        mut work: impl FnMut(&SignedIn<'_>) -> Result<()>,
    ) -> Result<Cost> {
        let user = SignedIn::new(&self.client, &self.home, &self.session, &Silent);
        let (clocks, traffic, wall) = (self.clocks()?, self.client.traffic(), Instant::now());
        for _ in 0..times {
            work(&user)?;
        }
        let wall = wall.elapsed();
        let (after, carried) = (self.clocks()?, self.client.traffic());
        let bytes = carried.bytes_sent + carried.bytes_received
            - traffic.bytes_sent
            - traffic.bytes_received;
        let spent = |of: fn(&Clocks) -> Duration| of(&after).saturating_sub(of(&clocks)) / times;
        Ok(Cost {
            client_cpu: spent(|c| c.client),
            server_cpu: spent(|c| c.functions + c.enclave),
            functions_cpu: spent(|c| c.functions),
            prime_search_cpu: spent(|c| c.prime_search),
            stand_ins_cpu: spent(|c| c.stand_ins),
            wall: wall / times,
            round_trips: (carried.requests - traffic.requests) / u64::from(times),
            bytes: bytes / u64::from(times),
        })
    }

    /// Makes wallets. Preparations are measured apart.
    pub(crate) fn keygen(&self, scheme: Scheme, protocol: Protocol, times: u32) -> Result<Cost> {
        self.measure(times, |user| {
            let wallet = NewWallet { scheme, protocol, name: None };
            self.runtime.block_on(user.create_wallet(&wallet))?;
            Ok(())
        })
    }

    /// Makes the preparation of the newest wallet of a protocol, if it needs one.
    pub(crate) fn prepare(&self, protocol: Protocol) -> Result<Option<Cost>> {
        if protocol == Protocol::Frost {
            return Ok(None);
        }
        let wallet = self.newest(protocol)?;
        if protocol == Protocol::Dkls23 {
            let cost = self.measure(1, |user| {
                self.runtime.block_on(user.ensure_prepared(&wallet))?;
                Ok(())
            });
            return cost.map(Some);
        }
        // The device's primes are found before, as on a device that was idle.
        let found = self.runtime.block_on(sharekeep::PrimeFinder::start().primes(|_| ()));
        let mut primes = Some(found.context("the search for primes died")?);
        let cost = self.measure(1, |user| {
            self.runtime.block_on(user.prepare_pair(primes.take()))?;
            Ok(())
        });
        cost.map(Some)
    }

    /// Signs with the newest wallet of a protocol and scheme.
    pub(crate) fn sign(&self, scheme: Scheme, protocol: Protocol, times: u32) -> Result<Cost> {
        let wallets = self.home.wallets()?;
        let mut ours = wallets.iter().filter(|w| (w.scheme(), w.protocol) == (scheme, protocol));
        let wallet = ours.next_back().context("no wallet was made")?;
        let request = SignRequest::Raw { bytes: vec![7; 200].into() };
        self.measure(times, |user| {
            self.runtime.block_on(user.sign(wallet, &request))?;
            Ok(())
        })
    }

    fn newest(&self, protocol: Protocol) -> Result<sharekeep::HeldWallet> {
        let mut wallets = self.home.wallets()?;
        wallets.retain(|wallet| wallet.protocol == protocol);
        wallets.pop().context("no wallet was made")
    }

    /// The most memory each process held, in KiB, by name.
    pub(crate) fn peak_memory(&self) -> Result<Vec<(&'static str, u64)>> {
        let mut peaks = vec![("bench with the SDK", cpu::peak_memory_kib(std::process::id())?)];
        for name in ["functions", "enclave", "supervisor"] {
            peaks.push((name, cpu::peak_memory_kib(self.stack.process(name)?)?));
        }
        Ok(peaks)
    }

    /// Stops the stack.
    pub(crate) fn stop(self) -> Result<()> {
        self.stack.stop()
    }
}
