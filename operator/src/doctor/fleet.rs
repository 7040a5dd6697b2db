use super::Seen;
use sharekeep::terminal::Findings;
use sharekeep::terminal::Health::{Bad, Good, Warning};
use sharekeep_schemas::fleet::ALIVE_FOR;

/// How old a heartbeat may be for functions to count it, in milliseconds.
const ALIVE_MS: u64 = ALIVE_FOR.as_secs() * 1000;

/// An enclave host as it registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSeen {
    /// Its enclave's key id.
    pub enclave: String,
    /// When it last said that it lives, in milliseconds since 1970.
    pub heartbeat_unix_ms: u64,
    /// Whether it takes no new work.
    pub draining: bool,
    /// When the row may go, in seconds since 1970.
    pub expires_at_unix_s: u64,
}

const FLEET: &str = "fleet";

pub(super) fn examine(seen: &Seen<Vec<HostSeen>>, now_unix_ms: u64, found: &mut Findings) {
    let hosts = match seen {
        Ok(hosts) => hosts,
        Err(why) => return found.add(FLEET, Bad, why),
    };
    let ahead = |host: &HostSeen| host.heartbeat_unix_ms > now_unix_ms.saturating_add(ALIVE_MS);
    if hosts.iter().any(ahead) {
        let detail = "a host's clock is ahead of this machine's by so much that functions may not see it: set one of them";
        found.add(FLEET, Warning, detail);
    }
    // The table removes rows hours after their time; what is over is no host any more.
    let present = hosts.iter().filter(|host| host.expires_at_unix_s > now_unix_ms / 1000);
    let (alive, silent): (Vec<_>, Vec<_>) =
        present.partition(|host| now_unix_ms.saturating_sub(host.heartbeat_unix_ms) <= ALIVE_MS);
    for host in silent {
        let age = now_unix_ms.saturating_sub(host.heartbeat_unix_ms) / 1000;
        let detail = format!(
            "{} was last heard of {age} s ago: if it does not leave by itself, end its instance",
            shown(&host.enclave)
        );
        found.add(FLEET, Warning, detail);
    }
    let working = alive.iter().filter(|host| !host.draining).count();
    match working {
        0 => {
            let detail = "no enclave takes work: look at the hosts' logs; if they come up and go, KMS \
                          may refuse their image";
            found.add(FLEET, Bad, detail);
        }
        1 => {
            let detail =
                "one enclave takes work: nobody can sign while it is replaced; raise HostsMin";
            found.add(FLEET, Warning, detail);
        }
        some => found.add(FLEET, Good, format!("{some} enclaves take work")),
    }
}

/// Whatever is in a table, it must not steer a terminal.
fn shown(text: &str) -> String {
    sharekeep::terminal::printable(text)
}
