use crate::newtype::public_bytes;
use serde::{Deserialize, Serialize};

public_bytes! {
    /// One platform configuration register: a SHA-384 measurement. Text form is lower-case hex.
    Pcr, 48, hex
}

impl Pcr {
    /// Whether it is what a debug-mode enclave reports.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.as_bytes().iter().all(|byte| *byte == 0)
    }
}

/// The measurement of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PcrSet {
    /// The whole image.
    pub pcr0: Pcr,
    /// Kernel, command line and boot ramdisk.
    pub pcr1: Pcr,
    /// The application.
    pub pcr2: Pcr,
}

impl PcrSet {
    /// A debug-mode enclave reports zeros; a measurement is never zero.
    pub(super) fn is_debug(&self) -> bool {
        self.pcr0.is_zero() || self.pcr1.is_zero() || self.pcr2.is_zero()
    }
}

impl From<[[u8; 48]; 3]> for PcrSet {
    /// PCR0, PCR1 and PCR2.
    fn from([pcr0, pcr1, pcr2]: [[u8; 48]; 3]) -> Self {
        let [pcr0, pcr1, pcr2] = [pcr0, pcr1, pcr2].map(Pcr::from_bytes);
        Self { pcr0, pcr1, pcr2 }
    }
}
