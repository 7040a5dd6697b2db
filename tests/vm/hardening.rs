//! What the first program of the guest has closed behind it before it serves, and when it does not serve
//! at all.

use sharekeep_local::stack::Stack;
use sharekeep_tests::guests::{Boots, Guests};
use sharekeep_tests::{Deployment, User};

/// The kernel was asked for what stands before the semicolon: the program ends where something is still open.
const PREPARED: &str = "sharekeep: guest prepared: root and /dev read-only, /sys not mounted, not \
                        dumpable, core dumps off; memory locked, randomness and clock from the nsm";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn a_guest_has_closed_its_root_and_its_memory_before_it_serves() {
    let guests = Guests::new(Boots::Release);
    let deployment = Deployment::start_with(guests.options()).await;
    User::arrive(&deployment, "alice").await;
    let started = guests.started();
    println!(
        "from the start: heartbeat after {:.1?}; registered, and the first attested answer through host \
         and functions, after {:.1?}",
        started.heartbeat,
        started.at.elapsed()
    );
    let console = guests.console();
    let said = |what| console.lines().position(|line| line.contains(what));
    let (prepared, serves) = (said(PREPARED), said("sharekeep: serves on vsock port 5000"));
    assert!(prepared.is_some() && prepared < serves, "{console}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the virtual machine: ./dev test vm"]
async fn an_enclave_in_debug_mode_ends_before_it_serves() {
    let folder = tempfile::tempdir().unwrap();
    let guests = Guests::new(Boots::Debug);
    let error = Stack::start_with(folder.path(), guests.options()).await.err().unwrap();
    // Not the line's beginning: the kernel's own last words may come between, when its first program ends.
    let said = "this enclave runs in debug mode";
    assert!(error.to_string().contains(said), "{error}");
}
