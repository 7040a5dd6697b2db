//! What client and enclave share on the way: encapsulation, HTTP signatures, attestation verification, receipts.
