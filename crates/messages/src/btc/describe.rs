//! A Bitcoin transaction in words.

use bitcoin::{Address, Network, Script, absolute::LockTime};

use super::{
    BitcoinNetwork,
    spend::{Path, Spend, sum},
};
use crate::{Description, MessageError, decimal::btc};

/// Most bytes of a script without an address that are shown.
const SHOWN_SCRIPT_BYTES: usize = 256;

pub(super) fn describe(
    spend: &Spend,
    network: BitcoinNetwork,
) -> Result<Description, MessageError> {
    let mut description = Description::default();
    let transaction = &spend.transaction;
    let inputs = transaction.input.len();
    let path = match spend.path {
        Path::Taproot(_) => "taproot key path",
        Path::Segwit(_) => "segwit public key",
    };
    description.add(
        "what",
        format!("Bitcoin transaction: signs input {} of {inputs} by {path}", spend.input),
    );
    description.add(
        "network",
        format!("addresses as on {network}; the transaction itself names no network"),
    );

    let is_own = |script: &Script| script == spend.own_script.as_script();
    for (index, spent) in spend.spent.iter().enumerate() {
        let whose = match is_own(&spent.script_pubkey) {
            true if index == spend.input => " (this wallet, signed now)",
            true => " (this wallet)",
            false => "",
        };
        let owner = place(&spent.script_pubkey, network);
        description.add(
            format!("input {index}"),
            format!("{} of {owner}{whose}", btc(spent.value.to_sat())),
        );
    }
    for (index, output) in transaction.output.iter().enumerate() {
        let whose = if is_own(&output.script_pubkey) { " (back to this wallet)" } else { "" };
        let receiver = place(&output.script_pubkey, network);
        description.add(
            format!("output {index}"),
            format!("{} to {receiver}{whose}", btc(output.value.to_sat())),
        );
    }

    let own = |output: &&bitcoin::TxOut| is_own(&output.script_pubkey);
    let brought = sum(spend.spent.iter().filter(own))?;
    let returned = sum(transaction.output.iter().filter(own))?;
    match brought.checked_sub(returned) {
        Some(leaving) => description.add("leaves this wallet", btc(leaving.to_sat())),
        None => description.add("comes to this wallet", btc((returned - brought).to_sat())),
    }
    description.add("fee", btc(spend.fee()?.to_sat()));
    if transaction.lock_time != LockTime::ZERO && transaction.is_lock_time_enabled() {
        let not_before = match transaction.lock_time {
            LockTime::Blocks(height) => format!("block {height}"),
            LockTime::Seconds(time) => format!("unix time {time}"),
        };
        description.add("not valid before", not_before);
    }
    Ok(description)
}

/// The address of a script, or the script.
fn place(script: &Script, network: BitcoinNetwork) -> String {
    if let Ok(address) = Address::from_script(script, Network::from(network)) {
        return address.to_string();
    }
    let bytes = script.as_bytes();
    let shown = hex::encode(&bytes[..bytes.len().min(SHOWN_SCRIPT_BYTES)]);
    let kind = if script.is_op_return() { "nobody, data" } else { "script" };
    match bytes.len().checked_sub(SHOWN_SCRIPT_BYTES) {
        Some(rest @ 1..) => format!("{kind} {shown}… and {rest} more bytes"),
        _ => format!("{kind} {shown}"),
    }
}
