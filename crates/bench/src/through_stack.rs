//! The same ceremonies through the whole local stack: the SDK in this process, functions, enclave
//! and store in theirs.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sharekeep::{HeldWallet, NewWallet};
use sharekeep_demo::{Programs, Stack, free_port};
use sharekeep_messages::SignRequest;
use sharekeep_schemas::{Protocol, Scheme};
use tokio::runtime::Runtime;

use crate::cpu;
use crate::row::Cost;
use crate::user::{Crowd, Device};

/// How long a stack is left alone before measuring: a preparation finds primes ready, and what is
/// measured does not share the caches with the search for them.
const PATIENCE_WITH_PRIMES: Duration = Duration::from_secs(180);

/// Wallets that are made for one user: fewer than a user may have.
const WALLETS_PER_USER: u32 = 20;

/// A running stack with a crowd of users.
pub(crate) struct Bench {
    stack: Stack,
    runtime: Runtime,
    crowd: Crowd,
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
    /// Starts a stack in an empty directory.
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        let programs = Programs::beside_this_one()?;
        let stack = programs.start_stack(&directory.join("data"), free_port()?, &["--measured"])?;
        let crowd = Crowd::of(&stack, directory.join("devices"))?;
        Ok(Self { stack, runtime: Runtime::new()?, crowd })
    }

    /// The users.
    pub(crate) const fn crowd(&self) -> &Crowd {
        &self.crowd
    }

    /// Waits for something of the SDK.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// What the stack said of itself.
    pub(crate) fn fact(&self, name: &str) -> Result<&str> {
        self.stack.fact(name)
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

    /// CPU so far of enclave and functions, without the search for primes.
    pub(crate) fn service_cpu(&self) -> Result<Duration> {
        self.clocks().map(|clocks| clocks.enclave + clocks.functions)
    }

    /// Repeats something: what it costs in the mean, and how long each time took.
    pub(crate) fn measure(
        &self,
        times: u32,
        mut work: impl FnMut(u32) -> Result<()>,
    ) -> Result<(Cost, Vec<Duration>)> {
        let client = self.crowd.client();
        let mut took = Vec::with_capacity(times as usize);
        let (clocks, traffic, wall) = (self.clocks()?, client.traffic(), Instant::now());
        for number in 0..times {
            let began = Instant::now();
            work(number)?;
            took.push(began.elapsed());
        }
        let wall = wall.elapsed();
        let (after, carried) = (self.clocks()?, client.traffic());
        let bytes = carried.bytes_sent + carried.bytes_received
            - traffic.bytes_sent
            - traffic.bytes_received;
        let spent = |of: fn(&Clocks) -> Duration| of(&after).saturating_sub(of(&clocks)) / times;
        let cost = Cost {
            client_cpu: spent(|c| c.client),
            server_cpu: spent(|c| c.functions + c.enclave),
            functions_cpu: spent(|c| c.functions),
            prime_search_cpu: spent(|c| c.prime_search),
            stand_ins_cpu: spent(|c| c.stand_ins),
            wall: wall / times,
            round_trips: (carried.requests - traffic.requests) / u64::from(times),
            bytes: bytes / u64::from(times),
        };
        Ok((cost, took))
    }

    /// Makes wallets, of as many users as they need; and the last user's device. Preparations are
    /// measured apart.
    pub(crate) fn keygen(
        &self,
        scheme: Scheme,
        protocol: Protocol,
        times: u32,
    ) -> Result<(Cost, Device)> {
        let mut devices = Vec::new();
        for _ in 0..times.div_ceil(WALLETS_PER_USER) {
            devices.push(self.wait(self.crowd.new_user(vec![]))?.device);
        }
        let wallet = NewWallet { scheme, protocol, name: None };
        let (cost, _) = self.measure(times, |number| {
            let device = &devices[(number / WALLETS_PER_USER) as usize];
            self.wait(device.user(&self.crowd).create_wallet(&wallet))?;
            Ok(())
        })?;
        Ok((cost, devices.pop().context("nothing was to be made")?))
    }

    /// Makes the preparation of a device's newest wallet, if it needs one.
    pub(crate) fn prepare(&self, device: &Device, protocol: Protocol) -> Result<Option<Cost>> {
        let user = device.user(&self.crowd);
        let (cost, _) = match protocol {
            Protocol::Frost => return Ok(None),
            Protocol::Dkls23 => {
                let wallet = newest(device)?;
                self.measure(1, |_| {
                    self.wait(user.ensure_prepared(&wallet))?;
                    Ok(())
                })?
            }
            Protocol::Cggmp24 => {
                // The device's primes are found before, as on a device that was idle.
                let found = self.wait(sharekeep::PrimeFinder::start().primes(|_| ()));
                let mut primes = Some(found.context("the search for primes died")?);
                self.measure(1, |_| {
                    self.wait(user.prepare_pair(primes.take()))?;
                    Ok(())
                })?
            }
        };
        Ok(Some(cost))
    }

    /// Signs with a device's newest wallet.
    pub(crate) fn sign(&self, device: &Device, times: u32) -> Result<Cost> {
        let (user, wallet) = (device.user(&self.crowd), newest(device)?);
        let request = SignRequest::Raw { bytes: vec![7; 200].into() };
        let (cost, _) = self.measure(times, |_| {
            self.wait(user.sign(&wallet, &request))?;
            Ok(())
        })?;
        Ok(cost)
    }

    /// The most memory each process held, in KiB, by name.
    pub(crate) fn peak_memory(&self) -> Result<Vec<(&'static str, u64)>> {
        self.processes()?.map(|(name, pid)| Ok((name, cpu::peak_memory_kib(pid)?))).collect()
    }

    /// Counts the peaks anew from now on.
    pub(crate) fn forget_peaks(&self) -> Result<()> {
        self.processes()?.try_for_each(|(_, pid)| cpu::forget_peak(pid))
    }

    fn processes(&self) -> Result<impl Iterator<Item = (&'static str, u32)>> {
        let mut processes = vec![("bench with the SDK", std::process::id())];
        for name in ["functions", "enclave", "supervisor"] {
            processes.push((name, self.stack.process(name)?));
        }
        Ok(processes.into_iter())
    }

    /// Stops the stack.
    pub(crate) fn stop(self) -> Result<()> {
        self.stack.stop()
    }
}

/// The wallet that a device made last.
pub(crate) fn newest(device: &Device) -> Result<HeldWallet> {
    device.home.wallets()?.pop().context("no wallet was made")
}
