use sharekeep_trust::Trust;

use crate::{Entry, Error, Image, Ramdisk, foreign};

/// What the kernel of the enclave is told: start again at once after a panic; talk to the console that
/// Nitro shows in debug mode only; and count no randomness but the security module's, since what the
/// processor says may come from whoever emulates one. Words that this kernel does not know would be
/// arguments of the program, so there are none.
pub const COMMAND_LINE: &str =
    "reboot=k panic=1 console=ttyS0 random.trust_cpu=off random.trust_bootloader=off";

/// What an image of the enclave is made of.
pub struct Parts {
    /// A `bzImage` for x86_64.
    pub kernel: Vec<u8>,
    /// The enclave's program, linked statically: it is the first and only one.
    pub program: Vec<u8>,
    /// The trust configuration, as the operator's program writes it.
    pub trust: Vec<u8>,
}

/// The names of the ramdisks of [`enclave`], in their order.
pub(crate) const RAMDISKS: [&str; 3] = ["boot", "program", "trust"];

/// Puts the image of the enclave together. The trust configuration is a ramdisk of its own: images of
/// two deployments have the first two ramdisks, and so PCR1, in common.
///
/// # Errors
/// [`Error::Trust`] for a configuration that the enclave would refuse, [`Error::Foreign`] for a program
/// with a stand-in in it, and those of [`Image::new`].
pub fn enclave(parts: Parts) -> Result<Image, Error> {
    Trust::from_bytes(&parts.trust)?;
    let found = foreign(&parts.program);
    if !found.is_empty() {
        return Err(Error::Foreign(found));
    }
    let boot = Ramdisk::new([("dev/console", Entry::Console), ("sys", Entry::Folder)])?;
    let program = Ramdisk::new([("init", Entry::Program(parts.program))])?;
    let trust = Ramdisk::new([("trust.cbor", Entry::File(parts.trust))])?;
    Image::new(parts.kernel, COMMAND_LINE, [boot, program, trust])
}
