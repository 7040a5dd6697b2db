//! Connections between an enclave and its parent instance: vsock on Nitro, Unix sockets where there
//! is no hypervisor.
//!
//! **One job.** Dial and listen at an [`Address`], and make a vsock stream as safe to use as any
//! other ([`VsockSafe`]). It knows nothing of what is said on a connection and trusts neither end.
//!
//! ```
//! use sharekeep_vsock::Address;
//! let proxy: Address = "vsock:3:8000".parse().unwrap();
//! assert_eq!(proxy, Address::Vsock { cid: 3, port: 8000 });
//! let socket: Address = "unix:/run/sharekeep/egress.sock".parse().unwrap();
//! assert_eq!(socket.to_string(), "unix:/run/sharekeep/egress.sock");
//! ```

mod address;
mod listen;
mod stream;

pub use address::{ANY_CID, Address, Error};
pub use listen::Listener;
pub use stream::{MAX_WRITE_BYTES, Stream, VsockSafe, dial};
