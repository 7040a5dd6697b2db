use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sharekeep_image::Image;
use sharekeep_testkit::SoftNsm;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::process::{Process, last_lines};
use crate::{Error, Tools, bridge, clock, heartbeat, nsm};

/// How long the guest may take until it sends its heartbeat. It takes about a second alone on a core.
const HEARTBEAT_WITHIN: Duration = Duration::from_secs(120);

/// Context id of the guest: any but those of host and hypervisor, and but 3, Nitro's parent, which the
/// guest dials too.
const GUEST_CID: u32 = 16;

// Files of the machine's folder. The programs run in that folder and get names without a path, since a
// path could be longer than a socket's may be, or have a comma in it.
const KERNEL: &str = "kernel";
const INITRD: &str = "initrd";
const CONSOLE: &str = "console.log";
const QEMU_LOG: &str = "qemu.log";
const VSOCK_LOG: &str = "vsock.log";
const NSM: &str = "nsm.sock";
const VHOST: &str = "vhost.sock";
const VSOCK: &str = "vsock";
const ENCLAVE: &str = "enclave.sock";

/// How a machine is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where its files are: sockets, logs, the parts of the image. It is made if it is not there; a
    /// machine that was there before must have ended. Sockets need a path of less than 100 bytes.
    pub folder: PathBuf,
    /// The guest's memory, in MiB. It is taken as the guest touches it.
    pub memory_mib: u32,
    /// Where the guest's connections to ports of its parent end: Unix sockets, which may be made later.
    pub parent: Vec<(u32, PathBuf)>,
}

impl Settings {
    /// As much memory as the image asks Nitro for.
    pub const MEMORY_MIB: u32 = 1024;
}

/// When a machine came up.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// When QEMU was started.
    pub at: Instant,
    /// How long after that the guest's heartbeat was answered.
    pub heartbeat: Duration,
}

/// A guest that runs. Everything that was started for it ends when it is dropped.
pub struct Machine {
    folder: PathBuf,
    enclave: PathBuf,
    started: Started,
    qemu: Process,
    vsock: Process,
    /// Heartbeats and connections to the guest.
    tasks: JoinSet<()>,
}

impl Machine {
    /// Boots an image, and returns when the guest's heartbeat is answered.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Program`], [`Error::Device`]; [`Error::Ended`] if the guest ends
    /// before its heartbeat and [`Error::Silent`] if none comes, with the console's last lines.
    pub async fn start(
        tools: &Tools,
        image: &Image,
        module: SoftNsm,
        settings: Settings,
    ) -> Result<Self, Error> {
        let folder = lay_out(image, &settings)?;
        let file = |name: &str| folder.join(name);
        let mut tasks = JoinSet::new();

        let (answered, mut heard) = watch::channel(false);
        let beats = file(&format!("{VSOCK}_{}", heartbeat::PORT));
        tasks.spawn(heartbeat::answer(listen(&beats)?, answered));
        let mut vsock = Process::start(&tools.vsock, &vsock_arguments(), &folder, VSOCK_LOG)?;
        vsock.makes(&file(VHOST), &file(VSOCK_LOG)).await?;
        let attached = Attached::new(module, file(NSM))?;

        let arguments = qemu_arguments(
            &format!("{}{}", image.command_line(), clock::words()),
            settings.memory_mib,
        );
        let at = Instant::now();
        let mut qemu = Process::start(&tools.qemu, &arguments, &folder, QEMU_LOG)?;
        let console = file(CONSOLE);
        tokio::select! {
            ended = qemu.ended(&console) => return Err(with_log(ended, &file(QEMU_LOG))),
            result = tokio::time::timeout(HEARTBEAT_WITHIN, heard.wait_for(|heard| *heard)) => {
                if result.is_err() {
                    let last_lines = last_lines(&console);
                    return Err(Error::Silent { after: HEARTBEAT_WITHIN, last_lines });
                }
            }
        }
        let started = Started { at, heartbeat: at.elapsed() };
        attached.taken();

        let enclave = file(ENCLAVE);
        tasks.spawn(bridge::serve(listen(&enclave)?, file(VSOCK)));
        Ok(Self { enclave, started, qemu, vsock, tasks, folder })
    }

    /// A Unix socket, each of whose connections is carried to the guest's port 5000. Its path is the
    /// same for every machine of a folder.
    #[must_use]
    pub fn enclave(&self) -> &Path {
        &self.enclave
    }

    /// When it came up.
    #[must_use]
    pub fn started(&self) -> Started {
        self.started
    }

    /// What the guest has written to its console so far.
    #[must_use]
    pub fn console(&self) -> String {
        let text = fs::read(self.folder.join(CONSOLE)).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// How much of its memory the guest has touched so far. What it has freed still counts.
    ///
    /// # Errors
    /// [`Error::File`] if QEMU does not run any more.
    pub fn resident_bytes(&self) -> Result<u64, Error> {
        let path = match self.qemu.id() {
            Some(id) => PathBuf::from(format!("/proc/{id}/status")),
            None => return Err(Error::file("/proc")(io::ErrorKind::NotFound.into())),
        };
        let status = fs::read_to_string(&path).map_err(Error::file(&path))?;
        shared_bytes(&status).ok_or_else(|| Error::file(path)(io::ErrorKind::InvalidData.into()))
    }

    /// Ends the guest as a crash or a loss of power would, with all its connections. Its files stay.
    ///
    /// # Errors
    /// [`Error::Program`].
    pub async fn kill(&mut self) -> Result<(), Error> {
        self.qemu.kill().await?;
        self.vsock.kill().await?;
        self.tasks.shutdown().await;
        Ok(())
    }
}

/// The device of the security module while QEMU may still fail to connect to it: its thread would wait
/// for ever.
struct Attached(Option<PathBuf>);

impl Attached {
    fn new(module: SoftNsm, socket: PathBuf) -> Result<Self, Error> {
        nsm::attach(module, &socket)?;
        Ok(Self(Some(socket)))
    }

    fn taken(mut self) {
        self.0 = None;
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if let Some(socket) = &self.0 {
            UnixStream::connect(socket).ok();
        }
    }
}

fn listen(path: &Path) -> Result<UnixListener, Error> {
    UnixListener::bind(path).map_err(Error::file(path))
}

/// Puts the parts of the image into the folder, and what an earlier machine left there away.
fn lay_out(image: &Image, settings: &Settings) -> Result<PathBuf, Error> {
    let Settings { folder, parent, .. } = settings;
    fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let folder = fs::canonicalize(folder).map_err(Error::file(folder))?;
    let beats = format!("{VSOCK}_{}", heartbeat::PORT);
    for name in [NSM, VHOST, VSOCK, ENCLAVE, CONSOLE, &beats] {
        remove(&folder.join(name))?;
    }
    for (port, socket) in parent {
        let link = folder.join(format!("{VSOCK}_{port}"));
        remove(&link)?;
        symlink(socket, &link).map_err(Error::file(link))?;
    }
    for (name, content) in [(KERNEL, image.kernel()), (INITRD, &initrd(image))] {
        let path = folder.join(name);
        fs::write(&path, content).map_err(Error::file(path))?;
    }
    Ok(folder)
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file(path)(error)),
        _ => Ok(()),
    }
}

/// All ramdisks, one behind the other, as Nitro's loader hands them to the kernel, which looks for each
/// at a multiple of four bytes.
fn initrd(image: &Image) -> Vec<u8> {
    let mut all = Vec::new();
    for ramdisk in image.ramdisks() {
        all.extend_from_slice(ramdisk.bytes());
        all.resize(all.len().next_multiple_of(4), 0);
    }
    all
}

fn vsock_arguments() -> [String; 2] {
    let machine = format!("guest-cid={GUEST_CID},socket={VHOST},uds-path={VSOCK}");
    ["--vm".to_owned(), machine]
}

/// Nothing but what an enclave has: processors, memory, a clock, a console, vsock, the module.
fn qemu_arguments(command_line: &str, memory_mib: u32) -> Vec<String> {
    // The devices are other processes, so memory is shared with them.
    let memory = format!("memory-backend-memfd,id=memory,size={memory_mib}M,share=on");
    let pairs = [
        ("-M", "microvm,acpi=off,pcie=off,rtc=on,memory-backend=memory"),
        ("-global", "virtio-mmio.force-legacy=false"),
        ("-object", &memory),
        ("-m", &format!("{memory_mib}M")),
        ("-accel", "tcg,thread=multi"),
        ("-cpu", "max"),
        ("-smp", "2"),
        ("-display", "none"),
        ("-serial", &format!("file:{CONSOLE}")),
        ("-kernel", KERNEL),
        ("-initrd", INITRD),
        ("-append", command_line),
        ("-chardev", &format!("socket,id=vsock,path={VHOST}")),
        ("-device", "vhost-user-vsock-device,chardev=vsock"),
        ("-chardev", &format!("socket,id=nsm,path={NSM}")),
        ("-device", &nsm::device_argument("nsm")),
    ];
    // A guest that restarts has ended: Nitro starts none again.
    let alone = ["-nodefaults", "-no-user-config", "-no-reboot"].map(str::to_owned);
    let pairs = pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_owned()]);
    alone.into_iter().chain(pairs).collect()
}

/// QEMU's own words too, if it was QEMU that could not go on.
fn with_log(error: Error, log: &Path) -> Error {
    match error {
        Error::Ended { program, last_lines: console } => {
            Error::Ended { program, last_lines: format!("{console}\n{}", last_lines(log)) }
        }
        other => other,
    }
}

/// What Linux says of a process's shared memory: here the guest's, and nothing else.
fn shared_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssShmem:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sharekeep_image::{Entry, Ramdisk};

    #[test]
    fn shared_memory_is_read_from_what_linux_writes() {
        let status = "Name:\tqemu\nRssFile:\t   70000 kB\nRssShmem:\t  123456 kB\n";
        assert_eq!(shared_bytes(status), Some(123_456 * 1024));
        assert_eq!(shared_bytes("RssShmem:\tmany kB\n"), None);
        assert_eq!(shared_bytes(""), None);
    }

    #[test]
    fn an_earlier_machine_s_sockets_are_replaced_and_the_image_s_own_bytes_are_laid_out() {
        let folder = tempfile::tempdir().unwrap();
        let ramdisk = |name| Ramdisk::new([(name, Entry::Folder)]).unwrap();
        let image =
            Image::new(b"a kernel".to_vec(), "panic=1", [ramdisk("a"), ramdisk("b")]).unwrap();
        let settings = Settings {
            folder: folder.path().join("machine"),
            memory_mib: Settings::MEMORY_MIB,
            parent: vec![(8000, "/run/egress".into())],
        };
        for _ in 0..2 {
            let folder = lay_out(&image, &settings).unwrap();
            drop(std::os::unix::net::UnixListener::bind(folder.join(ENCLAVE)).unwrap());
            assert_eq!(fs::read_link(folder.join("vsock_8000")).unwrap(), Path::new("/run/egress"));
            assert_eq!(fs::read(folder.join(KERNEL)).unwrap(), b"a kernel");
            let both = [image.ramdisks()[0].bytes(), image.ramdisks()[1].bytes()].concat();
            assert_eq!(fs::read(folder.join(INITRD)).unwrap(), both);
        }
    }
}
