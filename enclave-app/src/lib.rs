//! The program in the enclave: a pure core behind ports, served as HTTP over vsock or a Unix socket.
