//! The enclave's guest: this program is the first and only one in it, and does what an init does before
//! anything is served.
//!
//! Nothing of a user's is here yet, so every refusal may say what it is. A first program that ends takes
//! the kernel down with it: a guest that is not as it must be serves nobody.
//!
//! The order matters: no thread is started before [`prepare`] is done, so that what it sets holds for all
//! of them, and no key is made before the generator is seeded.

mod clock;
mod debug;
mod hardening;
mod inspection;
mod loopback;
mod mounts;
mod panics;
mod parent;
mod randomness;

pub use clock::keep_clock;
pub use panics::quiet_panics;
pub use parent::find_parent;

use crate::Error;
use crate::ports::NitroNsm;
use std::fmt::Arguments;
use std::io::{self, Write};

/// Makes the guest ready: `/dev`, memory, randomness, clock, loopback, and at the end a root that nobody
/// can write to. Returns the security module.
///
/// # Errors
/// [`Error::Guest`] names the step that the kernel refused; [`Error::DebugMode`], [`Error::Randomness`],
/// [`Error::Nsm`].
pub fn prepare() -> Result<NitroNsm, Error> {
    mounts::devices()?;
    hardening::protect_memory()?;
    let nsm = NitroNsm::open()?;
    debug::refuse(&nsm)?;
    mounts::with_sysfs(randomness::check_source)?;
    randomness::seed(&nsm)?;
    clock::set_clock(&nsm)?;
    loopback::up().map_err(step("bring the loopback device up"))?;
    mounts::seal()?;
    // What is read back last, and then what ended the guest if it was refused.
    let passed = inspection::Inspection::make()?.passed()?;
    say(format_args!("guest prepared: {passed}; memory locked, randomness and clock from the nsm"));
    Ok(nsm)
}

/// Writes a line on the console, which Nitro shows in debug mode only. It cannot be refused: whoever says
/// why the enclave ends has nobody else to tell.
pub fn say(line: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "sharekeep: {line}");
}

/// What the kernel refused, with the name of the step.
fn step<E: Into<io::Error>>(name: &'static str) -> impl FnOnce(E) -> Error {
    move |refused| Error::Guest(name, refused.into())
}
