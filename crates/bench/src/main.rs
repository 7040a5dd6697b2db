//! `./dev bench`: what a ceremony costs, bare and through the whole local stack, in one run.
//!
//! Times depend on the machine and its mood; ratios from one run mean something. It trusts
//! nothing and protects nothing: the wallets made here are thrown away.
//!
//! ```text
//! ./dev bench                             # tables, whether the targets are met, the peak memory
//! ./dev bench --json                      # {"rows": [{"name": "ecdsa-secp256k1/dkls23/sign", …}, …], …}
//! ./dev bench --only users --users 1000   # many users' backups, listed and restored
//! ./dev bench --only lambdas              # what `./dev build lambdas` made, as Lambda starts it
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to people")]

mod backup;
mod bare;
mod bare_store;
mod cpu;
mod lambdas;
mod passcode;
mod restores;
mod row;
mod statistics;
mod through_stack;
mod timed;
mod user;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use row::{Cost, Row};
use serde_json::json;
use sharekeep_schemas::{Protocol, Scheme};
use timed::TimedRow;

/// What a ceremony costs, bare and through the whole stack.
#[derive(Parser)]
struct Arguments {
    /// One JSON object on standard output, nothing else there.
    #[arg(long)]
    json: bool,
    /// How often to repeat what is fast; what is slow is repeated a tenth as often.
    #[arg(long, default_value_t = 50)]
    repeat: u32,
    /// How many users' backups are listed and restored. From 40 on the peaks of memory compare: a
    /// tenth of fewer does not keep all workers busy.
    #[arg(long, default_value_t = 40)]
    users: u32,
    /// Measure nothing else. May be repeated.
    #[arg(long)]
    only: Vec<Part>,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Key generation, preparation and signing; backups with a preparation in them.
    Ceremonies,
    /// Backups, put and got.
    Backups,
    /// Logins with a passcode, and whether time tells a right one from a wrong one.
    Passcode,
    /// Many users, restored on new devices.
    Users,
    /// The functions as Lambda starts them, if they were built.
    Lambdas,
}

impl Arguments {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Whether the local stack is needed.
    fn wants_the_stack(&self) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| *part != Part::Lambdas)
    }
}

const BARE: &str = "
The protocols alone, both parties in one process; the server is in the enclave's column. CPU and
wall-clock times in ms, mean per ceremony.
";
const THROUGH_STACK: &str = "
Through the whole local stack, each part in a process of its own. What counts is the client, the
enclave and the functions (their calls of the store included). What does not: the enclave's search
for the primes of later preparations, which runs while nothing else does; and what stands in for
AWS, the supervisor's process with the embedded DynamoDB and KMS. `/ bare` is the CPU that counts
over the bare protocol's; `svc/trip` the CPU of enclave and functions beyond the bare server's side,
per round trip. The target is 1.1 for the first or 3 ms for the second.
";

const TIMED: &str = "
Backups and logins through the stack, and beside them the bare call: for backups, the AWS SDK puts or
gets an item of the same size in the same embedded DynamoDB; for a login, OPAQUE in one process. CPU
and times in ms. `put` also reads the backup back and writes the device's files (`files`: that write
alone). `/ bare` compares the p50; the target for backups is a p50 of 10 ms.
";
const TIMING: &str = "
A right and a wrong passcode, compared from the guess to the enclave's answer (ms, mean). Nothing is
asserted: with |t| above 2 they differ by more than chance explains, but one in twenty comparisons
of equal things looks like that too.
";

const LAMBDAS: &str = "
The functions as Lambda starts them, for this machine's architecture. Times in ms, on a whole processor;
DynamoDB's place is taken by a server that answers at once. The target is an init of 100 ms.
";

const CASES: [(Scheme, Protocol); 4] = [
    (Scheme::EddsaEd25519, Protocol::Frost),
    (Scheme::SchnorrBip340, Protocol::Frost),
    (Scheme::EcdsaSecp256k1, Protocol::Dkls23),
    (Scheme::EcdsaSecp256k1, Protocol::Cggmp24),
];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut results = Results::default();
    if arguments.wants(Part::Lambdas) {
        measure_lambdas(&arguments, &mut results)?;
    }
    if arguments.wants_the_stack() {
        let directory = tempfile::tempdir()?;
        let bench = through_stack::Bench::start(directory.path())?;
        eprintln!("waiting until the enclave has its primes");
        bench.settle()?;
        measure_through_stack(&bench, &arguments, &mut results)?;
        bench.stop()?;
    }
    if arguments.json {
        println!("{}", results.json()?);
    } else {
        results.print();
    }
    Ok(())
}

fn measure_lambdas(arguments: &Arguments, results: &mut Results) -> Result<()> {
    match lambdas::built() {
        Some(cargos) => {
            eprintln!("measuring functions");
            results.lambdas = lambdas::measure(&cargos, arguments.repeat.max(1))?;
        }
        None if arguments.only.is_empty() => {
            eprintln!("functions are not measured: `./dev build lambdas` has not been run");
        }
        None => anyhow::bail!("there are no functions: run `./dev build lambdas` first"),
    }
    Ok(())
}

fn measure_through_stack(
    bench: &through_stack::Bench,
    arguments: &Arguments,
    results: &mut Results,
) -> Result<()> {
    let repeat = arguments.repeat.max(1);
    if arguments.wants(Part::Ceremonies) {
        for (scheme, protocol) in CASES {
            eprintln!("measuring {scheme}/{protocol}");
            let slow = matches!(protocol, Protocol::Cggmp24);
            let times = if slow { repeat.div_ceil(10) } else { repeat };
            measure_ceremonies(bench, (scheme, protocol), times, repeat, results)?;
        }
    }
    if arguments.wants(Part::Backups) {
        eprintln!("measuring backups");
        let (_, device) = bench.keygen(Scheme::EddsaEd25519, Protocol::Frost, 1)?;
        results.timed.extend(backup::measure(bench, &device, "", repeat * TIMES_FOR_P99)?);
    }
    if arguments.wants(Part::Passcode) {
        eprintln!("measuring logins with a passcode");
        let passcode::Found { login, timing } = passcode::measure(bench, repeat)?;
        results.timed.push(login);
        results.timing = Some(timing);
    }
    results.peaks = bench.peak_memory()?;
    if arguments.wants(Part::Users) && arguments.users > 0 {
        eprintln!("restoring {} users", arguments.users);
        results.restores = Some(restores::measure(bench, arguments.users)?);
    }
    Ok(())
}

/// What is quick is repeated so much more often where its slowest hundredth matters.
const TIMES_FOR_P99: u32 = 4;

fn measure_ceremonies(
    bench: &through_stack::Bench,
    (scheme, protocol): (Scheme, Protocol),
    times: u32,
    repeat: u32,
    results: &mut Results,
) -> Result<()> {
    let name = |operation: &str| format!("{scheme}/{protocol}/{operation}");
    let bare::Costs { keygen, prepare, sign } = bare::measure(scheme, protocol, times)?;

    let (cost, device) = bench.keygen(scheme, protocol, times)?;
    results.add(&name("keygen"), &cost, Some(&keygen));
    if let Some(cost) = bench.prepare(&device, protocol)? {
        results.add(&name("prepare"), &cost, prepare.as_ref());
        // The enclave searches again for what it gave away.
        bench.settle()?;
    }
    let cost = bench.sign(&device, times)?;
    results.add(&name("sign"), &cost, Some(&sign));
    if protocol == Protocol::Cggmp24 {
        // The largest backups there are: they hold the device's half of the preparation.
        let times = repeat * TIMES_FOR_P99;
        results.timed.extend(backup::measure(bench, &device, "/cggmp24", times)?);
    }
    Ok(())
}

#[derive(Default)]
struct Results {
    through_stack: Vec<Row>,
    bare: Vec<Row>,
    timed: Vec<TimedRow>,
    timing: Option<passcode::Timing>,
    restores: Option<restores::Found>,
    /// The most memory each process held, in KiB, without that for the users.
    peaks: Vec<(&'static str, u64)>,
    lambdas: Vec<lambdas::FunctionRow>,
}

impl Results {
    fn add(&mut self, name: &str, cost: &Cost, bare: Option<&Cost>) {
        self.bare.extend(bare.map(|bare| Row::new(name, bare, None)));
        self.through_stack.push(Row::new(name, cost, bare));
    }

    fn json(&self) -> Result<serde_json::Value> {
        let mut rows = Vec::new();
        for row in &self.through_stack {
            rows.push(serde_json::to_value(row)?);
        }
        for row in &self.timed {
            rows.push(serde_json::to_value(row)?);
        }
        let peaks: serde_json::Map<_, _> =
            self.peaks.iter().map(|(name, kib)| ((*name).to_owned(), json!(kib))).collect();
        Ok(json!({
            "rows": rows,
            "bare": self.bare,
            "passcode_timing": self.timing,
            "users": self.restores,
            "lambdas": self.lambdas,
            "peak_memory_kib": peaks,
        }))
    }

    fn print(&self) {
        if !self.through_stack.is_empty() {
            println!("{BARE}\n{}", Row::heading());
            self.bare.iter().for_each(|row| println!("{}", row.line()));
            println!("{THROUGH_STACK}\n{}", Row::heading());
            self.through_stack.iter().for_each(|row| println!("{}", row.line()));
        }
        if !self.timed.is_empty() {
            println!("{TIMED}\n{}", TimedRow::heading());
            self.timed.iter().for_each(|row| println!("{}", row.line()));
        }
        if let Some(timing) = &self.timing {
            println!("{TIMING}");
            timing.lines().iter().for_each(|line| println!("{line}"));
        }
        if !self.lambdas.is_empty() {
            println!("{LAMBDAS}\n{}", lambdas::FunctionRow::heading());
            self.lambdas.iter().for_each(|row| println!("{}", row.line()));
        }
        if !self.peaks.is_empty() {
            println!("\npeak memory:");
        }
        for (name, kib) in &self.peaks {
            println!("  {name:20} {:>7.1} MiB", *kib as f64 / 1024.0);
        }
        if let Some(restores) = &self.restores {
            println!();
            restores.lines().iter().for_each(|line| println!("{line}"));
        }
    }
}
