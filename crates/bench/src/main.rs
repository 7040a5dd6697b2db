//! `./dev bench`: what a ceremony costs, bare and through the whole local stack, in one run.
//!
//! Times depend on the machine and its mood; ratios from one run mean something. It trusts
//! nothing and protects nothing: the wallets made here are thrown away.
//!
//! ```text
//! ./dev bench           # two tables, whether the targets are met, and the peak memory
//! ./dev bench --json    # {"rows": [{"name": "ecdsa-secp256k1/dkls23/sign", …}, …], …}
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to people")]

mod bare;
mod cpu;
mod row;
mod through_stack;

use anyhow::Result;
use clap::Parser;
use row::{Cost, Row};
use serde_json::json;
use sharekeep_schemas::{Protocol, Scheme};

/// What a ceremony costs, bare and through the whole stack.
#[derive(Parser)]
struct Arguments {
    /// One JSON object on standard output, nothing else there.
    #[arg(long)]
    json: bool,
    /// How often to repeat what is fast; what is slow is repeated a tenth as often.
    #[arg(long, default_value_t = 50)]
    repeat: u32,
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

const CASES: [(Scheme, Protocol); 4] = [
    (Scheme::EddsaEd25519, Protocol::Frost),
    (Scheme::SchnorrBip340, Protocol::Frost),
    (Scheme::EcdsaSecp256k1, Protocol::Dkls23),
    (Scheme::EcdsaSecp256k1, Protocol::Cggmp24),
];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let directory = tempfile::tempdir()?;
    let bench = through_stack::Bench::start(directory.path())?;
    eprintln!("waiting until the enclave has its primes");
    bench.settle()?;
    let mut rows = Rows::default();
    for (scheme, protocol) in CASES {
        eprintln!("measuring {scheme}/{protocol}");
        let slow = matches!(protocol, Protocol::Cggmp24);
        let times = if slow { arguments.repeat.div_ceil(10) } else { arguments.repeat.max(1) };
        measure(&bench, scheme, protocol, times, &mut rows)?;
    }
    let peaks = bench.peak_memory()?;
    bench.stop()?;
    if arguments.json {
        let peaks: serde_json::Map<_, _> =
            peaks.iter().map(|(name, kib)| ((*name).to_owned(), json!(kib))).collect();
        let Rows { through_stack, bare } = rows;
        println!("{}", json!({ "rows": through_stack, "bare": bare, "peak_memory_kib": peaks }));
        return Ok(());
    }
    println!("{BARE}\n{}", Row::heading());
    rows.bare.iter().for_each(|row| println!("{}", row.line()));
    println!("{THROUGH_STACK}\n{}", Row::heading());
    rows.through_stack.iter().for_each(|row| println!("{}", row.line()));
    println!("\npeak memory:");
    peaks.iter().for_each(|(name, kib)| println!("  {name:20} {:>7.1} MiB", *kib as f64 / 1024.0));
    Ok(())
}

fn measure(
    bench: &through_stack::Bench,
    scheme: Scheme,
    protocol: Protocol,
    times: u32,
    rows: &mut Rows,
) -> Result<()> {
    let name = |operation: &str| format!("{scheme}/{protocol}/{operation}");
    let bare::Costs { keygen, prepare, sign } = bare::measure(scheme, protocol, times)?;

    let cost = bench.keygen(scheme, protocol, times)?;
    rows.add(&name("keygen"), &cost, Some(&keygen));
    if let Some(cost) = bench.prepare(protocol)? {
        rows.add(&name("prepare"), &cost, prepare.as_ref());
        // The enclave searches again for what it gave away.
        bench.settle()?;
    }
    let cost = bench.sign(scheme, protocol, times)?;
    rows.add(&name("sign"), &cost, Some(&sign));
    Ok(())
}

#[derive(Default)]
struct Rows {
    through_stack: Vec<Row>,
    bare: Vec<Row>,
}

impl Rows {
    fn add(&mut self, name: &str, cost: &Cost, bare: Option<&Cost>) {
        self.bare.extend(bare.map(|bare| Row::new(name, bare, None)));
        self.through_stack.push(Row::new(name, cost, bare));
    }
}
