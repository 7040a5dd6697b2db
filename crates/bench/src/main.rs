//! `./dev bench`: what a ceremony costs, bare and through the whole local stack, in one run.
//!
//! Times depend on the machine and its mood; ratios from one run mean something. It trusts
//! nothing and protects nothing: the wallets made here are thrown away.
//!
//! ```text
//! ./dev bench           # a table, the targets and the peak memory
//! ./dev bench --json    # {"rows": [{"name": "ecdsa-secp256k1/dkls23/sign", …}, …], …}
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to people")]

mod bare;
mod cpu;
mod row;
mod through_stack;

use anyhow::Result;
use clap::Parser;
use row::Row;
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
    let mut rows = Vec::new();
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
        println!("{}", json!({ "rows": rows, "peak_memory_kib": peaks }));
        return Ok(());
    }
    println!(
        "CPU and wall-clock times in ms, mean per ceremony. The server is the enclave and the"
    );
    println!(
        "functions; `/ bare` is CPU of both sides over the bare protocol's, `over/trip` the CPU"
    );
    println!("beyond it per round trip. What stands in for DynamoDB and KMS is not counted.\n");
    println!("{}", Row::heading());
    rows.iter().for_each(|row| println!("{}", row.line()));
    println!("\npeak memory:");
    peaks.iter().for_each(|(name, kib)| println!("  {name:20} {:>7.1} MiB", *kib as f64 / 1024.0));
    Ok(())
}

fn measure(
    bench: &through_stack::Bench,
    scheme: Scheme,
    protocol: Protocol,
    times: u32,
    rows: &mut Vec<Row>,
) -> Result<()> {
    let name = |operation: &str| format!("{scheme}/{protocol}/{operation}");
    let bare::Costs { keygen, prepare, sign } =
        bare::measure(scheme.as_str().parse()?, protocol.as_str().parse()?, times)?;

    let cost = bench.keygen(scheme, protocol, times)?;
    rows.push(Row::bare(&name("keygen"), &keygen));
    rows.push(Row::through_stack(&name("keygen"), &cost, Some(&keygen)));
    if let Some(cost) = bench.prepare(protocol)? {
        rows.extend(prepare.as_ref().map(|bare| Row::bare(&name("prepare"), bare)));
        rows.push(Row::through_stack(&name("prepare"), &cost, prepare.as_ref()));
        // The enclave searches again for what it gave away.
        bench.settle()?;
    }
    let cost = bench.sign(scheme, protocol, times)?;
    rows.push(Row::bare(&name("sign"), &sign));
    rows.push(Row::through_stack(&name("sign"), &cost, Some(&sign)));
    Ok(())
}
