//! The words: HTTP bodies, encapsulated payloads, enclave calls, stored records.
