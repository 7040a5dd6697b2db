use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Error;

/// Below those that Linux gives to whoever asks for any port and to outgoing connections (32768 and
/// more): such a one can be another's by the time that it is listened on again.
const FIRST: u32 = 10_000;
const COUNT: u32 = 22_000;
/// A service has the one after its own for its identity provider.
const STEP: u32 = 2;
/// What processes with ids in a row are apart.
const OF_ONE_PROCESS: u32 = 16;

static TRIED: AtomicU32 = AtomicU32::new(0);

/// A port that nobody listens on, for one who will listen on it, stop, and listen on it again.
///
/// # Errors
/// [`Error::Listen`] when there is none.
pub fn unused_port() -> Result<u16, Error> {
    let start = std::process::id().wrapping_mul(OF_ONE_PROCESS);
    for _ in 0..COUNT / STEP {
        let tried = TRIED.fetch_add(STEP, Ordering::Relaxed);
        let Ok(port) = u16::try_from(FIRST + start.wrapping_add(tried) % COUNT) else { continue };
        if [port, port + 1]
            .into_iter()
            .all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        {
            return Ok(port);
        }
    }
    let address = format!("127.0.0.1:{FIRST} to {}", FIRST + COUNT);
    Err(Error::Listen { address, source: std::io::ErrorKind::AddrInUse.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_never_one_that_the_system_gives_to_others() {
        let ports: Vec<_> = (0..8).map(|_| unused_port().unwrap()).collect();
        let distinct: std::collections::BTreeSet<_> = ports.iter().collect();
        assert_eq!(distinct.len(), ports.len());
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let lowest: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
        assert!(ports.iter().all(|port| port + 1 < lowest), "{ports:?}, {range}");
    }
}
