//! libFuzzer around one target, which `SHAREKEEP_FUZZ_TARGET` names. Without it, the names of all
//! targets are printed. `./dev fuzz` starts this.
#![no_main]

use std::env;
use std::process::exit;
use std::sync::OnceLock;

use sharekeep_fuzz::TARGETS;

const VARIABLE: &str = "SHAREKEEP_FUZZ_TARGET";

static RUN: OnceLock<fn(&[u8])> = OnceLock::new();

fn choose() {
    let Ok(wanted) = env::var(VARIABLE) else {
        for (name, _) in TARGETS {
            println!("{name}");
        }
        exit(0);
    };
    let Some((_, run)) = TARGETS.iter().find(|(name, _)| *name == wanted) else {
        eprintln!("no target is called {wanted}");
        exit(2);
    };
    RUN.get_or_init(|| *run);
}

libfuzzer_sys::fuzz_target!(init: choose(), |bytes: &[u8]| {
    if let Some(run) = RUN.get() {
        run(bytes);
    }
});
