use super::step;
use crate::Error;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Keeps the process's memory where it is: in memory, and out of files and of a debugger's reach. This
/// kernel has no swap, no core dumps and no second program; it must hold on one that has them, too.
pub(super) fn protect_memory() -> Result<(), Error> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(step("refuse to be dumped"))?;
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(step("turn core dumps off"))?;
    // On fault: the stack of a thread is two megabytes, of which it uses some pages.
    let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    mlockall(all).map_err(step("lock the memory"))
}
