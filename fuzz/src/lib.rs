//! A fuzz target for every decoder: each takes any bytes, and panics when what must hold does not.
//! Beside "no panic" that mostly is: what decodes encodes to something that decodes the same.
//!
//! Nothing here is trusted or shipped. Seeds are in `seeds/<target>/`, a few small ones each;
//! `cargo run --example write_seeds` wrote those that the product's own encoders can make.

pub mod fixed;
mod targets;

use targets::{
    channel, client, enclave, functions, host, image, messages, mpc, recovery, release, schemas,
};

/// Names and what they run. A name begins with the folder whose decoder it is about.
pub const TARGETS: &[(&str, fn(&[u8]))] = &[
    ("channel_attestation_document", channel::attestation_document),
    ("channel_cms", channel::cms),
    ("channel_receipt", channel::receipt),
    ("channel_record", channel::record),
    ("channel_sealed_answer", channel::sealed_answer),
    ("channel_sealed_request", channel::sealed_request),
    ("channel_signature_headers", channel::signature_headers),
    ("client_answers", client::answers),
    ("client_files", client::files),
    ("client_kept_files", client::kept_files),
    ("client_provider", client::provider),
    ("client_releases", client::releases),
    ("client_settings", client::settings),
    ("enclave_authorities", enclave::authorities),
    ("enclave_proxy", enclave::proxy),
    ("enclave_records", enclave::records),
    ("enclave_route", enclave::route_of),
    ("enclave_token", enclave::token),
    ("functions_archive", functions::archive),
    ("functions_cursor", functions::cursor),
    ("functions_request", functions::request),
    ("functions_store", functions::store),
    ("host_connect", host::connect),
    ("image_file", image::file),
    ("image_manifest", image::manifest),
    ("messages_bitcoin_psbt", messages::bitcoin_psbt),
    ("messages_bitcoin_transaction", messages::bitcoin_transaction),
    ("messages_ethereum_transaction", messages::ethereum_transaction),
    ("messages_ethereum_typed_data", messages::ethereum_typed_data),
    ("messages_raw", messages::raw),
    ("messages_request", messages::request),
    ("messages_solana_message", messages::solana_message),
    ("mpc_auxiliary_bodies", mpc::auxiliary_bodies),
    ("mpc_bodies", mpc::bodies),
    ("mpc_possession", mpc::possession),
    ("mpc_sealed", mpc::sealed),
    ("mpc_wire_message", mpc::wire_message),
    ("recovery_backup", recovery::backup),
    ("recovery_code", recovery::code),
    ("recovery_factor_set", recovery::factor_set),
    ("recovery_passcode", recovery::passcode),
    ("release_texts", release::texts),
    ("schemas_enclave", schemas::enclave),
    ("schemas_http", schemas::http),
    ("schemas_ids", schemas::ids),
    ("schemas_operator", schemas::operator),
    ("schemas_sealed", schemas::sealed),
];
