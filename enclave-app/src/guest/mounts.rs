use super::step;
use crate::Error;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use std::fs::File;
use std::io;

const DEV: &str = "/dev";
const SYS: &str = "/sys";

/// Mounts the devices. The kernel makes their nodes; no program can be run from there.
pub(super) fn devices() -> Result<(), Error> {
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("devtmpfs", DEV, "devtmpfs", flags, None).map_err(step("mount /dev"))
}

/// Mounts the kernel's objects for as long as `look` takes: the service needs none of them.
pub(super) fn with_sysfs<T>(look: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NODEV;
    mount("sysfs", SYS, "sysfs", flags, None).map_err(step("mount /sys"))?;
    let seen = look();
    unmount(SYS, UnmountFlags::empty()).map_err(step("unmount /sys"))?;
    seen
}

/// Makes everything that is mounted read-only, and tries whether it is. A device is written to all the
/// same: that is no writing to the folder it is in.
pub(super) fn seal() -> Result<(), Error> {
    // Of `/dev` this mount alone: the kernel goes on making nodes through its own.
    let dev = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NOEXEC;
    mount_remount(DEV, dev, c"").map_err(step("make /dev read-only"))?;
    mount_remount("/", MountFlags::RDONLY, c"").map_err(step("make the root read-only"))?;
    for file in ["/probe", "/dev/probe"] {
        match File::create(file) {
            Err(refused) if refused.kind() == io::ErrorKind::ReadOnlyFilesystem => {}
            Err(refused) => return Err(Error::Guest("see that the root is read-only", refused)),
            Ok(_) => {
                return Err(Error::Guest(
                    "keep the root from being written to",
                    io::ErrorKind::Other.into(),
                ));
            }
        }
    }
    Ok(())
}
