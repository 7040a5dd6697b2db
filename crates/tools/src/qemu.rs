//! QEMU for `./dev test vm`: Debian's own, of a release later than this machine may have, unpacked into
//! `.cache/qemu` with every library it needs and run from there. Nothing of the system is changed.
//!
//! apt fetches it, with settings and lists of its own, so that signatures are checked against the keys
//! that this machine has of Debian, and whatever release the mirror has today will do.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::command::{Call, program};
use crate::setup::version_in;
use crate::workspace::Workspace;

/// The first with a vhost-user device of any kind for the machine `microvm`.
const OLDEST: (u64, u64, u64) = (11, 1, 0);

const SOURCES: &str = "\
Types: deb
URIs: http://deb.debian.org/debian
Suites: trixie trixie-backports
Components: main
Architectures: amd64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
";

/// Depended on, and of no use to the one machine that is run: with what they pull in, a quarter of the
/// download. They are said to be installed.
const NOT_NEEDED: [&str; 12] = [
    "adduser",
    "debconf",
    "ipxe-qemu",
    "libasound2t64",
    "libbrlapi0.8",
    "libcacard0",
    "libncursesw6",
    "libsasl2-modules-db",
    "libusb-1.0-0",
    "libusbredirparser1t64",
    "openssl-provider-legacy",
    "passwd",
];

/// Starts QEMU with the libraries it was built for, whatever this machine's own are.
const LAUNCHER: &str = r#"#!/bin/sh
usr=$(cd "$(dirname "$0")/root/usr" && pwd) || exit 1
exec "$usr/lib64/ld-linux-x86-64.so.2" --library-path "$usr/lib/x86_64-linux-gnu" \
  "$usr/bin/qemu-system-x86_64" -L "$usr/share/qemu" -L "$usr/share/seabios" "$@"
"#;

/// Finds QEMU in the cache, or fetches it.
pub(crate) fn find_or_fetch(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.cache().join("qemu");
    let launcher = launcher(&folder);
    if version(&launcher).is_none() {
        fetch(&folder).context("could not fetch QEMU")?;
    }
    Ok(launcher)
}

/// What is there, for `./dev doctor`.
pub(crate) fn describe(workspace: &Workspace) -> String {
    match version(&launcher(&workspace.cache().join("qemu"))) {
        Some(version) => format!("qemu: {version}"),
        None => "qemu: missing; `./dev test vm` fetches Debian's, 29 MB".into(),
    }
}

fn launcher(folder: &Path) -> PathBuf {
    folder.join("qemu-system-x86_64")
}

/// The line in which it says its version, if that is a good one.
fn version(launcher: &Path) -> Option<String> {
    let answer = program(launcher, ["--version"]).ask().ok().filter(|answer| answer.succeeded)?;
    let line = answer.stdout.lines().next()?;
    (version_in(line)? >= OLDEST).then(|| line.to_owned())
}

fn fetch(folder: &Path) -> Result<()> {
    fs::remove_dir_all(folder).ok();
    let apt = Apt::new(folder.join("apt"))?;
    eprintln!("[set-up] will download Debian's lists of packages, 10 MB, into .cache/qemu");
    apt.get(&["update"]).run_quietly()?;
    let install =
        ["install", "--yes", "--no-install-recommends", "--target-release", "trixie-backports"];
    let listing = apt.get(&install).arguments(&["--print-uris", "qemu-system-x86"]).ask()?;
    ensure!(listing.succeeded, "apt cannot put QEMU together:\n{}", listing.stderr);
    let (packages, bytes) = size(&listing.stdout);
    eprintln!(
        "[set-up] will download QEMU and its libraries from Debian's trixie-backports, {packages} \
         packages, {} MB, into .cache/qemu: `./dev test vm` runs the enclave's image in it",
        bytes.div_ceil(1_000_000),
    );
    apt.get(&install).arguments(&["--download-only", "qemu-system-x86"]).run_quietly()?;
    for package in apt.packages()? {
        let root = folder.join("root");
        let answer = program("dpkg", ["--extract"]).argument(package).argument(root).ask()?;
        ensure!(answer.succeeded, "dpkg unpacks nothing:\n{}", answer.stderr);
    }
    let launcher = launcher(folder);
    fs::write(&launcher, LAUNCHER).context("cannot write to .cache")?;
    fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755))?;
    let answer = program(&launcher, ["--version"]).ask()?;
    let version = version(&launcher).with_context(|| {
        format!("what was fetched is no QEMU of {OLDEST:?}:\n{}{}", answer.stdout, answer.stderr)
    })?;
    eprintln!("[set-up] {version}");
    fs::remove_dir_all(apt.folder).context("cannot write to .cache")
}

/// apt with a folder of its own for all it reads and writes.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn new(folder: PathBuf) -> Result<Self> {
        let apt = Self { folder };
        for inside in ["sources", "lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(apt.folder.join(inside)).context("cannot write to .cache")?;
        }
        // Where the machine gets its packages through a proxy, so does this.
        let network = program("apt-config", ["dump", "Acquire"]).ask()?;
        ensure!(network.succeeded, "this is no Debian: there is no apt");
        for (name, content) in [
            ("sources/debian.sources", SOURCES.to_owned()),
            ("status", installed(&NOT_NEEDED)),
            ("configuration", apt.configuration(&network.stdout)?),
        ] {
            fs::write(apt.folder.join(name), content).context("cannot write to .cache")?;
        }
        Ok(apt)
    }

    fn configuration(&self, network: &str) -> Result<String> {
        let folder = self.folder.to_str().context("the path of the checkout is not UTF-8")?;
        Ok(format!(
            r#"{network}
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
// As whoever runs this: apt's own user may have no way into a home.
APT::Sandbox::User "";
Dir::Cache "{folder}/cache";
Dir::State "{folder}";
Dir::State::Lists "{folder}/lists";
Dir::State::Status "{folder}/status";
Dir::Etc::Main "/dev/null";
// Also keeps out what the machine does after its own updates.
Dir::Etc::Parts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "{folder}/sources";
"#
        ))
    }

    fn get(&self, arguments: &[&str]) -> Call {
        program("apt-get", ["-qq"])
            .arguments(arguments)
            .env("APT_CONFIG", self.folder.join("configuration"))
            .env("LC_ALL", "C")
    }

    fn packages(&self) -> Result<Vec<PathBuf>> {
        let archives = fs::read_dir(self.folder.join("cache/archives"))?;
        let files: std::io::Result<Vec<_>> =
            archives.map(|entry| entry.map(|entry| entry.path())).collect();
        let is_package = |path: &PathBuf| path.extension().is_some_and(|end| end == "deb");
        Ok(files?.into_iter().filter(is_package).collect())
    }
}

/// dpkg's record of packages that are there.
fn installed(names: &[&str]) -> String {
    names.iter().fold(String::new(), |mut status, name| {
        // Of no version that somebody could depend on, and newer than all of them.
        writeln!(
            status,
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\n\
             Multi-Arch: foreign\nVersion: 99:0\n"
        )
        .expect("writing to memory can't fail");
        status
    })
}

/// How many packages apt would fetch and how large they are, from lines `'uri' name bytes hash`.
fn size(uris: &str) -> (usize, u64) {
    let sizes = uris.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok());
    sizes.fold((0, 0), |(packages, bytes), size| (packages + 1, bytes + size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_summed_over_what_apt_would_fetch() {
        let uris =
            "'http://d/a.deb' a_1.deb 1000 SHA256:00\n'http://d/b.deb' b_2.deb 24 \n\nnote\n";
        assert_eq!(size(uris), (2, 1024));
    }

    #[test]
    fn a_qemu_that_is_too_old_or_does_not_start_is_none() {
        let folder = std::env::temp_dir().join(format!("qemu-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("there is a place for temporary files");
        let says = |text: &str| {
            let file = launcher(&folder);
            fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("it can be written to");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it is ours");
            version(&file)
        };
        let good = "QEMU emulator version 11.1.3 (Debian 1:11.1.3+ds-1~bpo13+1)";
        assert_eq!(says(&format!("echo '{good}'")).as_deref(), Some(good));
        assert_eq!(says("echo 'QEMU emulator version 7.2.22'"), None);
        assert_eq!(says(&format!("echo '{good}'; exit 1")), None);
        assert_eq!(version(&folder.join("nothing")), None);
        fs::remove_dir_all(folder).ok();
    }
}
