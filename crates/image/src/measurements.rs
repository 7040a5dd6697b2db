use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha384};

use crate::{Hash, Pcr};

/// What the Nitro hypervisor measures of an image, and attestation documents name. JSON is an object
/// with `PCR0`, `PCR1` and `PCR2`.
///
/// Each register is the hash of sections put one after the other, extended once into zeros. Where one
/// section ends and the next begins is **not** measured: a [`Manifest`](crate::Manifest) names the hash
/// of each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurements {
    /// Kernel, command line and all ramdisks.
    #[serde(rename = "PCR0")]
    pub pcr0: Pcr,
    /// Kernel, command line and the first ramdisk.
    #[serde(rename = "PCR1")]
    pub pcr1: Pcr,
    /// All ramdisks but the first.
    #[serde(rename = "PCR2")]
    pub pcr2: Pcr,
}

impl Measurements {
    pub(crate) fn of<'a>(
        kernel: &[u8],
        command_line: &[u8],
        ramdisks: impl IntoIterator<Item = &'a [u8]>,
    ) -> Self {
        let start = Sha384::new().chain_update(kernel).chain_update(command_line);
        let (mut image, mut boot, mut app) = (start.clone(), start, Sha384::new());
        for (index, ramdisk) in ramdisks.into_iter().enumerate() {
            image.update(ramdisk);
            if index == 0 { boot.update(ramdisk) } else { app.update(ramdisk) }
        }
        Self { pcr0: extended(image), pcr1: extended(boot), pcr2: extended(app) }
    }
}

/// What a register that was zero holds after it was extended by a hash.
fn extended(hash: Sha384) -> Pcr {
    Hash(Sha384::new().chain_update([0; 48]).chain_update(hash.finalize()).finalize().into())
}

/// The lines that a person compares: `PCR0: ` and hexadecimal.
impl fmt::Display for Measurements {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PCR0: {}\nPCR1: {}\nPCR2: {}", self.pcr0, self.pcr1, self.pcr2)
    }
}
