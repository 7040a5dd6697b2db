//! What a panic leaves on the console. In a process of its own, since a hook is everybody's.
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use sharekeep_enclave_app::guest::quiet_panics;
use std::env;
use std::process::{Command, Stdio};

const CANARY: &str = "the secret of a user";
const INSIDE: &str = "SHAREKEEP_TEST_PANICS";

#[test]
fn a_panic_of_a_thread_or_a_task_says_where_and_never_what() {
    if env::var_os(INSIDE).is_some() {
        return panic_everywhere();
    }
    let this = env::current_exe().unwrap();
    let name = "a_panic_of_a_thread_or_a_task_says_where_and_never_what";
    let child = Command::new(this)
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .env("RUST_BACKTRACE", "full")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(child.status.success());
    let said = [child.stdout, child.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(!said.contains(CANARY), "{said}");
    assert_eq!(said.matches("a panic at enclave-app/tests/panics.rs:").count(), 3, "{said}");
}

fn panic_everywhere() {
    quiet_panics();
    let thread = std::thread::spawn(|| panic!("{CANARY}"));
    assert!(thread.join().is_err());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        assert!(tokio::spawn(async { panic!("{CANARY}") }).await.is_err());
        let blocking = tokio::task::spawn_blocking(|| panic!("{CANARY}"));
        assert!(blocking.await.is_err());
    });
}
