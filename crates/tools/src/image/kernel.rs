use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{first_line, settings};
use crate::command::{Call, program};
use crate::stage::Outcome;
use crate::workspace::Workspace;

/// What is turned on over the smallest configuration; relative to the root.
pub(crate) const CONFIG: &str = "crates/image/kernel.config";

/// What is changed in the source; relative to the root.
pub(crate) const PATCH: &str = "crates/image/vsock-replies.patch";

/// The source as Debian distributes it, without Debian's patches; the hash is that of its signed `.dsc`.
const SOURCE: &str = "linux_6.12.107.orig.tar.xz";
const SOURCE_SHA256: &str = "efc76d3c78a5d65f42724118c437d11db1c9f6309a5f024ee9a8b1978fdc6919";
/// Debian's servers drop a version when the next one is out; its archive keeps every file, by SHA-1.
const ADDRESSES: [&str; 2] = [
    "https://deb.debian.org/debian/pool/main/l/linux/linux_6.12.107.orig.tar.xz",
    "https://snapshot.debian.org/file/b3363e415e6a3fb869b4d43a2e35eba07f0902f6",
];

/// What comes out, by compiler; relative to the root.
const KNOWN: &str = "crates/image/kernel.sha256";

/// What would else be of the machine and the hour.
const FIXED: [(&str, &str); 5] = [
    ("LC_ALL", "C"),
    ("KBUILD_BUILD_TIMESTAMP", "1970-01-01 00:00:00 UTC"),
    ("KBUILD_BUILD_USER", "sharekeep"),
    ("KBUILD_BUILD_HOST", "sharekeep"),
    ("KBUILD_BUILD_VERSION", "1"),
];

/// What the kernel's own build would take from the environment.
pub(super) const SETTINGS: &[&str] =
    &["ARCH", "CROSS_COMPILE", "HOST", "KBUILD_", "KCFLAGS", "KCPPFLAGS", "LLVM", "MAKEFLAGS"];

/// A kernel that was built.
pub(crate) struct Kernel {
    /// The bzImage.
    pub(crate) file: PathBuf,
    /// The archive it was built from.
    pub(crate) source: PathBuf,
}

/// Builds the kernel, or finds the one that the same source, configuration and compiler made.
pub(crate) fn build(workspace: &Workspace) -> Result<Kernel> {
    let cache = workspace.cache().join("kernel");
    fs::create_dir_all(&cache).context("cannot write to .cache")?;
    let source = fetch(&cache)?;
    let config = workspace.root().join(CONFIG);
    let wanted = fs::read_to_string(&config).with_context(|| format!("{CONFIG} is missing"))?;
    let patch = workspace.root().join(PATCH);
    let change = fs::read_to_string(&patch).with_context(|| format!("{PATCH} is missing"))?;
    let recipe = recipe(&wanted, &change)?;
    let kernel = Kernel { file: cache.join("bzImage"), source };
    let stamp = cache.join("built");
    let stamped =
        |recipe: &str| Ok::<_, anyhow::Error>(format!("{recipe}{}\n", hash(&kernel.file)?));
    if let (Ok(built), true) = (fs::read_to_string(&stamp), kernel.file.is_file())
        && built == stamped(&recipe)?
    {
        return Ok(kernel);
    }
    eprintln!("[set-up] builds the enclave's kernel in .cache/kernel: some minutes, once");
    let folder = cache.join("build");
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).context("cannot write to .cache")?;
    program("tar", ["--strip-components=1", "-xf"])
        .argument(&kernel.source)
        .argument("-C")
        .argument(&folder)
        .run()?;
    // Exactly as it is: in other surroundings the same change may do something else.
    program("patch", ["--strip=1", "--forward", "--fuzz=0", "--input"])
        .argument(&patch)
        .folder(&folder)
        .run_quietly()?;
    make(&folder, "tinyconfig").run_quietly()?;
    fixed(program("scripts/kconfig/merge_config.sh", ["-m", ".config"]), &folder)
        .argument(&config)
        .run_quietly()?;
    make(&folder, "olddefconfig").run_quietly()?;
    let made = fs::read_to_string(folder.join(".config")).context("make wrote no .config")?;
    let lost = overruled(&wanted, &made);
    ensure!(lost.is_empty(), "{CONFIG} asks for what the kernel's source overrules: {lost:?}");
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    make(&folder, "bzImage").argument(format!("-j{jobs}")).run_quietly()?;
    fs::copy(folder.join("arch/x86/boot/bzImage"), &kernel.file).context("no kernel was made")?;
    fs::write(&stamp, stamped(&recipe)?).context("cannot write to .cache")?;
    fs::remove_dir_all(&folder).ok();
    Ok(kernel)
}

fn fetch(cache: &Path) -> Result<PathBuf> {
    let file = cache.join(SOURCE);
    if !file.is_file() {
        eprintln!("[set-up] will download the kernel's source, 151 MB, into .cache/kernel");
        let part = cache.join("part");
        let download = |address: &&str| {
            // A download that stalls must end, or the archive is never asked.
            program("curl", ["--fail", "--silent", "--show-error", "--location"])
                .arguments(&["--retry", "3", "--connect-timeout", "20"])
                .arguments(&["--speed-limit", "10000", "--speed-time", "60", "--output"])
                .argument(&part)
                .argument(address)
                .run()
        };
        let [first, archive] = ADDRESSES;
        download(&first).or_else(|error| {
            eprintln!("[set-up] {error:#}: asks Debian's archive");
            download(&archive)
        })?;
        fs::rename(&part, &file).context("cannot write to .cache")?;
    }
    let found = hash(&file)?;
    ensure!(
        found == SOURCE_SHA256,
        "{} is not the kernel's source: its SHA-256 is {found}. Remove it and run this again",
        file.display(),
    );
    Ok(file)
}

/// Saves another checkout a download: its own build looks at the hash, as that of this one does.
pub(super) fn lend_source(workspace: &Workspace, cache: &Path) -> Result<()> {
    let source = workspace.cache().join("kernel").join(SOURCE);
    if source.is_file() {
        let folder = cache.join("kernel");
        fs::create_dir_all(&folder).context("cannot write to .cache")?;
        fs::copy(source, folder.join(SOURCE)).context("cannot write to .cache")?;
    }
    Ok(())
}

/// Everything that decides what comes out.
fn recipe(config: &str, change: &str) -> Result<String> {
    Ok(format!("{SOURCE_SHA256}\n{}\n{FIXED:?}\n{config}\n{change}", compilers()?.join("\n")))
}

fn compilers() -> Result<[String; 2]> {
    Ok([first_line("gcc", &["--version"])?, first_line("ld", &["--version"])?])
}

/// Compares a kernel with what others made of the same source and configuration.
pub(super) fn compare(workspace: &Workspace, kernel: &Kernel) -> Result<Outcome> {
    let known = fs::read_to_string(workspace.root().join(KNOWN))
        .with_context(|| format!("{KNOWN} is missing"))?;
    compared(&known, &compilers()?.join(", "), &hash(&kernel.file)?)
}

fn compared(known: &str, compilers: &str, found: &str) -> Result<Outcome> {
    let lines = known.lines().filter_map(|line| line.split_once("  "));
    let Some((wanted, _)) = lines.into_iter().find(|(_, by)| *by == compilers) else {
        return Ok(Outcome::Warned(format!(
            "{KNOWN} has no kernel made by {compilers}: {found} was compared with nothing"
        )));
    };
    ensure!(
        wanted == found,
        "the kernel is {found}, and {KNOWN} has {wanted} for {compilers}. If its source, its \
         patch or its configuration was changed, the new hash belongs there; if not, the build is not reproducible",
    );
    Ok(Outcome::Passed)
}

fn make(folder: &Path, target: &str) -> Call {
    fixed(program("make", ["-s", target]), folder)
}

fn fixed(call: Call, folder: &Path) -> Call {
    let call = call.folder(folder).without(settings(SETTINGS));
    FIXED.iter().fold(call, |call, (name, value)| call.env(name, value))
}

/// SHA-256, as `sha256sum` says it.
pub(super) fn hash(file: &Path) -> Result<String> {
    let path = file.to_str().context("the path of the checkout is not UTF-8")?;
    let line = first_line("sha256sum", &["--", path])?;
    Ok(line.split(' ').next().unwrap_or_default().trim_start_matches('\\').to_owned())
}

/// The lines of `wanted` that are not so in `made`.
fn overruled<'a>(wanted: &'a str, made: &str) -> Vec<&'a str> {
    let kept = |line: &&str| match line.strip_suffix(" is not set") {
        Some(off) => {
            let on = format!("{}=", off.trim_start_matches("# "));
            !made.lines().any(|line| line.starts_with(&on))
        }
        None => made.lines().any(|it| it == *line),
    };
    wanted
        .lines()
        .filter(|line| line.starts_with("CONFIG_") || line.ends_with(" is not set"))
        .filter(|line| !kept(line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_are_off_or_on_against_the_configuration_are_found() {
        let wanted = "# why\nCONFIG_A=y\nCONFIG_B=y\nCONFIG_N=16\n# CONFIG_C is not set\n\
                      # CONFIG_D is not set\n# CONFIG_E is not set\n";
        let made = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_N=8\n# CONFIG_C is not set\n\
                    CONFIG_D=m\nCONFIG_EE=y\n";
        let lost = ["CONFIG_B=y", "CONFIG_N=16", "# CONFIG_D is not set"];
        assert_eq!(overruled(wanted, made), lost);
        assert_eq!(overruled(wanted, wanted), [""; 0]);
    }

    #[test]
    fn a_kernel_of_another_patch_or_configuration_is_built_anew() {
        let of = |config, change| recipe(config, change).expect("there are gcc and ld");
        assert_eq!(of("CONFIG_A=y\n", "+a\n"), of("CONFIG_A=y\n", "+a\n"));
        assert_ne!(of("CONFIG_A=y\n", "+a\n"), of("CONFIG_A=y\n", "+b\n"));
        assert_ne!(of("CONFIG_A=y\n", "+a\n"), of("CONFIG_B=y\n", "+a\n"));
    }

    #[test]
    fn a_kernel_is_compared_with_that_of_the_same_compiler_only() {
        let known = "# why\naa11  gcc 12, ld 2.40\nbb22  gcc 14, ld 2.44\n";
        let passed = |compilers, found| compared(known, compilers, found);
        assert_eq!(passed("gcc 14, ld 2.44", "bb22").expect("it is known"), Outcome::Passed);
        assert!(passed("gcc 14, ld 2.44", "aa11").is_err());
        let other = passed("gcc 15, ld 2.45", "cc33").expect("there is nothing to differ from");
        assert!(matches!(other, Outcome::Warned(what) if what.contains("gcc 15, ld 2.45")));
    }

    #[test]
    fn the_configuration_asks_for_something_and_for_nothing_twice() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let config = fs::read_to_string(root.join(CONFIG)).expect("it is part of the checkout");
        let mut options = overruled(&config, "");
        assert!(options.len() > 40);
        options.sort_unstable();
        let all = options.len();
        options.dedup();
        assert_eq!(options.len(), all);
    }
}
