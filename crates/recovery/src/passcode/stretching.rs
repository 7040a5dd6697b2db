use crate::{Error, Result};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Floor: OWASP's lowest recommendation (19 MiB, two passes). Ceiling: what a phone can still do; a
/// service that asks for more is stopping its users.
const MEMORY_KIB: RangeInclusive<u32> = 19 * 1024..=1024 * 1024;
const ITERATIONS: RangeInclusive<u32> = 2..=10;
const LANES: RangeInclusive<u32> = 1..=4;

/// The costs of Argon2id (RFC 9106), run on the client over the OPRF's output. A value that exists
/// is within floor and ceiling, however it came: a service can't weaken a passcode by naming others.
///
/// | | floor | default | ceiling |
/// |---|---|---|---|
/// | memory | 19 MiB | 64 MiB | 1 GiB |
/// | iterations | 2 | 3 | 10 |
/// | lanes | 1 | 1 | 4 |
///
/// The default's memory and iterations are RFC 9106's second recommendation; one lane, since
/// browsers have one thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Named", into = "Named")]
pub struct Stretching {
    memory_kib: u32,
    iterations: u32,
    lanes: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    memory_kib: u32,
    iterations: u32,
    lanes: u32,
}

impl TryFrom<Named> for Stretching {
    type Error = Error;

    fn try_from(named: Named) -> Result<Self> {
        Self::new(named.memory_kib, named.iterations, named.lanes)
    }
}

impl From<Stretching> for Named {
    fn from(Stretching { memory_kib, iterations, lanes }: Stretching) -> Self {
        Self { memory_kib, iterations, lanes }
    }
}

impl Default for Stretching {
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, iterations: 3, lanes: 1 }
    }
}

impl Stretching {
    /// Takes costs within floor and ceiling; memory in KiB.
    ///
    /// # Errors
    /// [`Error::Stretching`].
    pub fn new(memory_kib: u32, iterations: u32, lanes: u32) -> Result<Self> {
        let accepted = MEMORY_KIB.contains(&memory_kib)
            && ITERATIONS.contains(&iterations)
            && LANES.contains(&lanes);
        if accepted { Ok(Self { memory_kib, iterations, lanes }) } else { Err(Error::Stretching) }
    }

    /// Each cost in the width that transcripts take.
    pub(super) fn fields(self) -> [[u8; 4]; 3] {
        [self.memory_kib, self.iterations, self.lanes].map(u32::to_be_bytes)
    }

    /// The function itself: version 0x13, no secret, no associated data. Salt (16 zero bytes) and
    /// length (64) are RFC 9807's, set by the library.
    pub(super) fn argon2(self) -> Argon2<'static> {
        let params = Params::new(self.memory_kib, self.iterations, self.lanes, None)
            .expect("every cost in range is one that Argon2 takes");
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    }
}
