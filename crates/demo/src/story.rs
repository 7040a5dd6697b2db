//! The story, step by step.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sharekeep_demo::verify::{bitcoin, ethereum, solana};
use sharekeep_demo::{Programs, Stack, User, free_port, text, utf8};
use sharekeep_local::secrecy::Canary;

use crate::table::Table;
use crate::{secrecy, secret_file};

struct Wallet {
    name: &'static str,
    scheme: &'static str,
    protocol: &'static str,
    why: &'static str,
}

const SOLANA: Wallet =
    Wallet { name: "solana", scheme: "eddsa-ed25519", protocol: "frost", why: "Ed25519" };
const TAPROOT: Wallet =
    Wallet { name: "taproot", scheme: "schnorr-bip340", protocol: "frost", why: "BIP-340" };
const FAST: Wallet = Wallet {
    name: "ethereum-fast",
    scheme: "ecdsa-secp256k1",
    protocol: "dkls23",
    why: "ECDSA by dkls23 (not audited), with its oblivious transfers",
};
const FIRST: Wallet = Wallet {
    name: "ethereum",
    scheme: "ecdsa-secp256k1",
    protocol: "cggmp24",
    why: "ECDSA by cggmp24, the device's first: primes and auxiliary data",
};
const SECOND: Wallet = Wallet {
    name: "ethereum-2",
    scheme: "ecdsa-secp256k1",
    protocol: "cggmp24",
    why: "ECDSA by cggmp24, the device's second: nothing to prepare",
};

/// How `sharekeep` ends when a passcode is wrong.
const WRONG_SECRET: i32 = 10;

/// Runs the whole demo in an empty directory.
pub(crate) fn tell(directory: &Path, short: bool) -> Result<()> {
    let mut table = Table::default();
    let programs = Programs::beside_this_one()?;
    let (data, port, canary) = (directory.join("data"), free_port()?, Canary::random());
    let planted = hex::encode(canary.bytes());
    let passphrase = directory.join("passphrase");
    let (passcode, code) = (directory.join("passcode"), directory.join("recovery-code"));
    secret_file(&passphrase)?;
    secret_file(&passcode)?;
    let mut user = programs.user(&directory.join("device"), &passphrase);

    println!("\n1. The service starts: functions, enclave and everything AWS would be.");
    let stack = start(&programs, &data, port, &planted, &mut table)?;
    println!("\n2. Alice sets her device up, checks the enclave's attestation and signs in.");
    let began = Instant::now();
    user.sign_in(&stack, "alice")?;
    table.add("sign in", began.elapsed());
    let (_, took) = user.run(&["verify-enclave"])?;
    table.add("check the enclave's attestation again", took);

    println!("      and chooses how she would come back: a passcode and a recovery code.");
    table.add("set recovery up: a passcode and a code", user.set_up_recovery(&passcode, &code)?);

    println!("\n3. She makes wallets. Each key exists in two halves only, and hers is backed up.");
    let mut wallets = vec![SOLANA, TAPROOT, FAST, FIRST];
    wallets.extend((!short).then_some(SECOND));
    for wallet in &wallets {
        create(&user, wallet, &mut table)?;
    }
    println!(
        "\n4. She signs: the command shows what, and code that had no part in it checks the result."
    );
    sign_all(&user, &wallets, directory, &mut table)?;

    println!("\n5. The service stops and starts again on the same data. She signs again.");
    stack.stop()?;
    let stack = start(&programs, &data, port, &planted, &mut table)?;
    user.be_quiet();
    sign_all(&user, &wallets, directory, &mut table)?;

    println!("\n6. She loses her phone. A new device has nothing but her passcode.");
    std::fs::remove_dir_all(user.home())?;
    let mut user = programs.user(&directory.join("new-device"), &passphrase);
    user.sign_in(&stack, "alice")?;
    restore(&user, directory, &passcode, &mut table)?;
    user.be_quiet();
    sign_all(&user, &wallets, directory, &mut table)?;
    list(&user)?;

    println!("\n7. Nothing secret lies about. A canary was planted to show that the search sees.");
    stack.stop()?;
    let mut secrets = secrecy::secrets(&data, &user)?;
    for (name, file) in [("the passcode", &passcode), ("the recovery code", &code)] {
        secrets.push(secrecy::text_in(name, file)?);
    }
    let stack = start(&programs, &data, port, &planted, &mut table)?;
    sign_all(&user, &wallets, directory, &mut table)?;
    let began = Instant::now();
    let search = secrecy::Search::new(secrets, &canary)?;
    search.memory(&stack)?;
    stack.stop()?;
    search.files(&data, &user)?;
    table.add("search for every share and key", began.elapsed());

    println!("\nTimes (wall clock on this machine; `./dev bench` gives CPU times and ratios):");
    table.print();
    println!("\nLook further:");
    println!("  logs and store   {}", data.display());
    println!("  Alice's device   {}", user.home().display());
    println!("  run it yourself  ./dev up, then open the OpenAPI page it names");
    Ok(())
}

/// Guesses wrong twice, then right.
fn restore(user: &User, at: &Path, passcode: &Path, table: &mut Table) -> Result<()> {
    let wrong = at.join("wrong-passcode");
    secret_file(&wrong)?;
    // A fresh preparation takes most of a minute, and what came with the backup signs.
    let with = |file| -> Result<Vec<&str>> {
        let restore = ["restore", "--all-lost", "--no-fresh-preparation", "--with", "passcode"];
        Ok([&restore[..], &["--passcode-file", utf8(file)?]].concat())
    };
    for _ in 0..2 {
        let error = user.run_in_vain(&with(&wrong)?, WRONG_SECRET)?;
        println!("      wrong passcode: {}", text(&error, "message")?);
    }
    let (restored, took) = user.run(&with(passcode)?)?;
    ensure!(restored["complete"] == true, "not all came back: {restored}");
    table.add("restore all wallets by passcode", took);
    Ok(())
}

fn start(
    programs: &Programs,
    data: &Path,
    port: u16,
    canary: &str,
    table: &mut Table,
) -> Result<Stack> {
    let began = Instant::now();
    let stack = programs.start_stack(data, port, &["--canary", canary])?;
    table.add(format!("start the stack at {}", stack.fact("url")?), began.elapsed());
    Ok(stack)
}

fn create(user: &User, wallet: &Wallet, table: &mut Table) -> Result<()> {
    let Wallet { name, scheme, protocol, why } = wallet;
    let options = ["--scheme", scheme, "--protocol", protocol, "--name", name];
    let (made, took) = user.run(&[&["wallet", "create"][..], &options].concat())?;
    ensure!(made["status"] == "active", "the wallet is {}", made["status"]);
    ensure!(made["prepared"] == true, "the wallet is not ready to sign");
    table.add(format!("make wallet {name} ({why})"), took);
    println!("      {}", text(&made, "address")?);
    Ok(())
}

fn sign_all(user: &User, wallets: &[Wallet], at: &Path, table: &mut Table) -> Result<()> {
    for wallet in wallets {
        match wallet.scheme {
            "eddsa-ed25519" => sign_solana(user, wallet, at, table)?,
            "schnorr-bip340" => sign_bitcoin(user, wallet, at, table)?,
            _ => sign_ethereum(user, wallet, at, table)?,
        }
    }
    Ok(())
}

/// The address and the public key of a wallet.
fn identity(user: &User, wallet: &Wallet) -> Result<(String, Vec<u8>)> {
    let (shown, _) = user.run(&["wallet", "show", wallet.name])?;
    Ok((text(&shown, "address")?.to_owned(), hex::decode(text(&shown, "public_key")?)?))
}

/// Hands a file to `sharekeep sign` and returns what came out.
fn sign(
    user: &User,
    wallet: &Wallet,
    kind: &str,
    message: &[u8],
    at: &Path,
    table: &mut Table,
) -> Result<String> {
    let file = at.join(format!("{}.unsigned", wallet.name));
    std::fs::write(&file, message)?;
    let file = file.to_str().unwrap_or_default();
    let (signed, took) = user.run(&["sign", wallet.name, kind, "--yes", "--file", file])?;
    table.add(format!("sign {kind} with {}", wallet.name), took);
    Ok(text(&signed, "output")?.to_owned())
}

fn sign_ethereum(user: &User, wallet: &Wallet, at: &Path, table: &mut Table) -> Result<()> {
    let (address, _) = identity(user, wallet)?;
    let transfer = ethereum::Transfer {
        chain_id: 1,
        nonce: 7,
        to: [0x5a; 20],
        value_wei: 1_234_500_000_000_000_000,
    };
    let out = sign(user, wallet, "ethereum-transaction", &transfer.unsigned(), at, table)?;
    let sender = ethereum::sender_of(&hex::decode(out.trim_start_matches("0x"))?, &transfer)?;
    ensure!(sender == address, "signed by {sender}, not by {address}");
    println!("      libsecp256k1 recovers the sender {sender}");
    Ok(())
}

fn sign_bitcoin(user: &User, wallet: &Wallet, at: &Path, table: &mut Table) -> Result<()> {
    let (address, key) = identity(user, wallet)?;
    let internal_key = key[1..].try_into()?;
    let output_key = bitcoin::output_key(&internal_key)?;
    ensure!(bitcoin::key_of_address(&address)? == output_key, "{address} is no BIP-86 address");
    let spend = bitcoin::Spend {
        internal_key,
        amount_sat: 150_000,
        outputs: [(100_000, bitcoin::output_key(&[7; 32])?), (49_000, output_key)],
    };
    let out = sign(user, wallet, "bitcoin-psbt", &spend.psbt()?, at, table)?;
    spend.check(&hex::decode(out)?)?;
    println!("      libsecp256k1 verifies the key-path spend from {address}");
    Ok(())
}

fn sign_solana(user: &User, wallet: &Wallet, at: &Path, table: &mut Table) -> Result<()> {
    let (address, key) = identity(user, wallet)?;
    let from = solana::key_of_address(&address)?;
    ensure!(from[..] == key[..], "{address} is another key's address");
    let transfer = solana::Transfer { from, to: [9; 32], lamports: 1_500_000, blockhash: [3; 32] };
    let out = sign(user, wallet, "solana-message", &transfer.message(), at, table)?;
    transfer.check(&BASE64.decode(out)?)?;
    println!("      aws-lc verifies the transfer from {address}");
    Ok(())
}

fn list(user: &User) -> Result<()> {
    let (listed, _) = user.run(&["wallet", "list"])?;
    for wallet in listed["wallets"].as_array().into_iter().flatten() {
        println!(
            "  {:14} {:16} {:8} {}",
            text(wallet, "name")?,
            text(wallet, "scheme")?,
            text(wallet, "protocol")?,
            text(wallet, "status")?
        );
    }
    Ok(())
}
