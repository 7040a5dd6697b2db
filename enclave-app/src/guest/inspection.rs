use super::step;
use crate::Error;
use rustix::fs::{StatVfsMountFlags, stat, statvfs};
use rustix::process::{DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit};
use std::io;

/// What the kernel says of the guest when everything is set. Not all can be asked: whether memory is
/// locked is in `/proc` only, which is not there.
#[derive(Clone)]
pub(super) struct Inspection {
    root: StatVfsMountFlags,
    dev: StatVfsMountFlags,
    /// Whether `/sys` is no more than a folder of the root.
    sys_is_bare: bool,
    dumpable: DumpableBehavior,
    core: Rlimit,
}

impl Inspection {
    /// Asks the kernel.
    pub(super) fn make() -> Result<Self, Error> {
        let flags = |path| statvfs(path).map(|it| it.f_flag).map_err(step("ask how it is mounted"));
        let device = |path| stat(path).map(|it| it.st_dev).map_err(step("ask what is mounted"));
        Ok(Self {
            root: flags("/")?,
            dev: flags("/dev")?,
            sys_is_bare: device("/")? == device("/sys")?,
            dumpable: dumpable_behavior().map_err(step("ask whether it can be dumped"))?,
            core: getrlimit(Resource::Core),
        })
    }

    /// What holds, in words, if all of it does.
    pub(super) fn passed(&self) -> Result<&'static str, Error> {
        let dev = StatVfsMountFlags::RDONLY | StatVfsMountFlags::NOSUID | StatVfsMountFlags::NOEXEC;
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        for (holds, what) in [
            (self.root.contains(StatVfsMountFlags::RDONLY), "keep its root read-only"),
            (self.dev.contains(dev), "keep /dev read-only and without programs"),
            (self.sys_is_bare, "be without /sys"),
            (self.dumpable == DumpableBehavior::NotDumpable, "keep from being dumped"),
            (self.core == none, "keep core dumps off"),
        ] {
            if !holds {
                return Err(Error::Guest(what, io::ErrorKind::Other.into()));
            }
        }
        Ok("root and /dev read-only, /sys not mounted, not dumpable, core dumps off")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_with_one_thing_left_open_does_not_pass() {
        let closed = Inspection {
            root: StatVfsMountFlags::RDONLY,
            dev: StatVfsMountFlags::RDONLY | StatVfsMountFlags::NOSUID | StatVfsMountFlags::NOEXEC,
            sys_is_bare: true,
            dumpable: DumpableBehavior::NotDumpable,
            core: Rlimit { current: Some(0), maximum: Some(0) },
        };
        assert!(closed.passed().is_ok());
        let without = |flag| closed.dev - flag;
        let limits = |current, maximum| Rlimit { current, maximum };
        let open = [
            Inspection { root: StatVfsMountFlags::NOEXEC, ..closed.clone() },
            Inspection { dev: without(StatVfsMountFlags::RDONLY), ..closed.clone() },
            Inspection { dev: without(StatVfsMountFlags::NOSUID), ..closed.clone() },
            Inspection { dev: without(StatVfsMountFlags::NOEXEC), ..closed.clone() },
            Inspection { sys_is_bare: false, ..closed.clone() },
            Inspection { dumpable: DumpableBehavior::Dumpable, ..closed.clone() },
            Inspection { dumpable: DumpableBehavior::DumpableReadableOnlyByRoot, ..closed.clone() },
            Inspection { core: limits(None, None), ..closed.clone() },
            Inspection { core: limits(Some(0), None), ..closed.clone() },
            Inspection { core: limits(Some(1), Some(0)), ..closed.clone() },
        ];
        for guest in open {
            assert!(matches!(guest.passed(), Err(Error::Guest(..))));
        }
    }

    #[test]
    fn what_the_kernel_says_of_a_machine_that_nobody_closed_does_not_pass() {
        let Err(Error::Guest(open, _)) = Inspection::make().unwrap().passed() else {
            panic!("this is no guest");
        };
        assert!(["keep its root", "keep /dev", "be without"].iter().any(|it| open.starts_with(it)));
    }
}
