//! The stage `vm`: the enclave's image, built as a deployment's, booted in QEMU and used.

use anyhow::Result;

use crate::command::program;
use crate::image::Parts;
use crate::qemu;
use crate::setup;
use crate::stage::Outcome;
use crate::workspace::Workspace;

/// Kernel and program once; each test puts its own trust configuration to them.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome> {
    let qemu = qemu::find_or_fetch(workspace)?;
    let vsock = setup::vsock(workspace)?;
    let parts = Parts::build(workspace)?;
    program(
        setup::nextest(workspace)?,
        ["nextest", "run", "--workspace", "--locked", "--profile", "ci"],
    )
    // Ignored elsewhere; nextest fails if it finds none to run.
    .arguments(&["--test", "vm", "--run-ignored", "only"])
    .env("SHAREKEEP_TEST_QEMU", qemu)
    .env("SHAREKEEP_TEST_VSOCK", vsock)
    .env("SHAREKEEP_TEST_KERNEL", parts.kernel())
    .env("SHAREKEEP_TEST_PROGRAM", parts.program())
    .run()?;
    Ok(Outcome::Passed)
}
