//! Text as EIP-712 typed data.
#![no_main]

use sharekeep_messages::SignRequest;

libfuzzer_sys::fuzz_target!(|json: &str| {
    let json = json.to_owned();
    sharekeep_messages_fuzz::decode(&SignRequest::EthereumTypedData { json, chain_id: 1 });
});
