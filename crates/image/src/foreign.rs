/// What has no place in the enclave's program, as text that would be in it. Panics name the source file
/// that they are in, so a crate that is in a program can hardly be there unseen.
pub const FOREIGN: [&str; 12] = [
    // The software security module and KMS, and the names on the certificates that they make.
    "crates/testkit/",
    "sharekeep_testkit",
    "test.nitro-enclaves",
    "Sharekeep development",
    // The embedded default, with its keys, its identity provider and its switches.
    "local/src/",
    "sharekeep_local",
    "crates/virtual-enclave/",
    // What only stand-ins and tests are made of: certificates, a database, made-up inputs.
    "/rcgen-",
    "/dynoxide-rs-",
    "/proptest-",
    // A variable of the environment that changes what the enclave does: its host would set it.
    "SHAREKEEP_",
    // A loader, which there is none of: the program is linked statically.
    "/ld-linux",
];

/// Which of [`FOREIGN`] a program names.
pub fn foreign(program: &[u8]) -> Vec<&'static str> {
    let text = String::from_utf8_lossy(program);
    FOREIGN.into_iter().filter(|word| text.contains(word)).collect()
}
