//! What the host reads of an enclave that may be broken: where it wants to connect to.

use std::net::IpAddr;
use std::task::{Context, Poll, Waker};

use sharekeep_enclave_host::egress::fuzzed_place;

/// A CONNECT head: nothing behind it may be taken from the tunnel, and what it names is a name.
pub(crate) fn connect(bytes: &[u8]) {
    let mut rest = bytes;
    let mut context = Context::from_waker(Waker::noop());
    let place = Box::pin(fuzzed_place(&mut rest)).as_mut().poll(&mut context);
    // Reading from memory never waits.
    let Poll::Ready(Ok(place)) = place else { panic!("nothing to wait for, nothing to fail") };
    let read = &bytes[..bytes.len() - rest.len()];
    assert!(read.len() <= 4_096);
    if let Some((host, port)) = place {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        assert_eq!(end.map(|end| end + 4), Some(read.len()));
        assert!(port != 0 && host.len() <= 253);
        assert!(host.parse::<IpAddr>().is_err() && !host.contains([':', '\r', '\n', ' ']));
    }
}
