//! A Solana message in words.

use alloy_primitives::U256;

use super::message::{Account, Instruction, Key, Message, Version};
use crate::{Description, decimal::decimal};

/// Digits after the point of SOL.
const SOL_DECIMALS: usize = 9;
/// Longest instruction data shown in full, in bytes.
const SHOWN_DATA_BYTES: usize = 256;
/// Index of `Transfer` among the instructions of the system program.
const SYSTEM_TRANSFER: u32 = 2;

/// Well-known programs.
const PROGRAMS: [(&str, &str); 6] = [
    ("11111111111111111111111111111111", "System"),
    ("ComputeBudget111111111111111111111111111111", "Compute Budget"),
    ("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "Token"),
    ("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb", "Token-2022"),
    ("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL", "Associated Token Account"),
    ("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr", "Memo"),
];

pub(super) fn describe(message: &Message<'_>, signer: usize) -> Description {
    let mut description = Description::default();
    let count = message.instructions.len();
    let format = match message.version {
        Version::Legacy => "legacy",
        Version::V0 => "version 0",
    };
    description.add("what", format!("Solana transaction ({format}): {count} instructions"));
    for (index, key) in message.signer_keys().iter().enumerate() {
        let role = if index == 0 { "pays the fee" } else { "also signs" };
        let whose = if index == signer { " (this wallet)" } else { "" };
        description.add(role, format!("{}{whose}", address(key)));
    }
    for (index, instruction) in message.instructions.iter().enumerate() {
        describe_instruction(&mut description, message, index + 1, instruction);
    }
    description.add("recent blockhash", address(&message.blockhash));
    description
}

fn describe_instruction(
    description: &mut Description,
    message: &Message<'_>,
    number: usize,
    instruction: &Instruction<'_>,
) {
    let label = format!("instruction {number}");
    if let Some(transfer) = system_transfer(message, instruction) {
        description.add(label, transfer);
        return;
    }
    let program = address(&message.keys[usize::from(instruction.program)]);
    let name = PROGRAMS
        .iter()
        .find(|(id, _)| *id == program)
        .map_or(String::new(), |(_, name)| format!(" ({name})"));
    description.add(&label, format!("calls program {program}{name}"));
    for index in instruction.accounts {
        description.add(format!("{label}, account"), account(message, *index));
    }
    description.add(format!("{label}, data"), data(instruction.data));
}

/// `Transfer { lamports }` of the system program: its index and the amount, both little endian.
fn system_transfer(message: &Message<'_>, instruction: &Instruction<'_>) -> Option<String> {
    let program = message.keys.get(usize::from(instruction.program))?;
    let (index, lamports) = instruction.data.split_first_chunk()?;
    let lamports = u64::from_le_bytes(lamports.try_into().ok()?);
    // More accounts than two would go unshown.
    let [from, to] = instruction.accounts else { return None };
    if *program != Key::default() || u32::from_le_bytes(*index) != SYSTEM_TRANSFER {
        return None;
    }
    let amount = decimal(U256::from(lamports), SOL_DECIMALS);
    Some(format!(
        "transfers {amount} SOL from {} to {}",
        account_address(message, *from),
        account_address(message, *to)
    ))
}

fn account(message: &Message<'_>, index: u8) -> String {
    let place = usize::from(index);
    let signs = if place < message.signer_keys().len() { ", signs" } else { "" };
    let writable = match message.account(index) {
        Some(Account::Static(_)) => message.is_writable(place),
        Some(Account::LookedUp { writable, .. }) => writable,
        None => false,
    };
    let access = if writable { "may change" } else { "read only" };
    format!("{} ({access}{signs})", account_address(message, index))
}

/// The contents of lookup tables are on the chain, not in the message.
fn account_address(message: &Message<'_>, index: u8) -> String {
    match message.account(index) {
        Some(Account::Static(key)) => address(key),
        Some(Account::LookedUp { table, entry, .. }) => {
            format!("entry {entry} of table {} (address not in the message)", address(table))
        }
        None => "an account that is not there".to_owned(),
    }
}

fn data(data: &[u8]) -> String {
    if data.is_empty() {
        return "none".to_owned();
    }
    let shown = hex::encode(&data[..data.len().min(SHOWN_DATA_BYTES)]);
    match data.len().checked_sub(SHOWN_DATA_BYTES) {
        Some(rest @ 1..) => format!("0x{shown}… and {rest} more bytes"),
        _ => format!("0x{shown}"),
    }
}

fn address(key: &Key) -> String {
    bs58::encode(key).into_string()
}
