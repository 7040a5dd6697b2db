use super::{NotARecord, VERSION, check_version, decode, encode};
use serde::{Deserialize, Serialize};
use sharekeep_recovery::GuessCount;
use sharekeep_recovery::passcode::{PasscodeServer, RegisteredPasscode};
use sharekeep_schemas::enclave::{FactorRow, Row};
use sharekeep_schemas::{EnclaveKeyId, FactorId, FactorKind};
use zeroize::{Zeroize, Zeroizing};

/// The length of every factor before sealing, in bytes: the largest one and some room. No length
/// tells whether a passcode was destroyed, nor a decoy from what exists.
const PLAINTEXT_BYTES: usize = 2048;
const LENGTH_BYTES: usize = 4;

/// A factor as the enclave keeps it.
pub enum FactorRecord {
    /// One that the user registered.
    Registered(RegisteredFactor),
    /// There is no such factor, but somebody guesses at it, and that costs as much.
    Decoy(Guessing),
}

/// A registered factor.
pub struct RegisteredFactor {
    /// What it is.
    pub kind: FactorKind,
    /// When it was added, in seconds since 1970.
    pub added_at_unix_s: u64,
    /// The recovery seed, sealed to it.
    pub wrapped_seed: Vec<u8>,
    /// How it is unlocked.
    pub lock: FactorLock,
}

/// How a factor is unlocked.
pub enum FactorLock {
    /// By a key that only the user has: the sealed seed is no secret.
    Key,
    /// By a passcode that the enclave checks.
    Passcode(Box<PasscodeLock>),
    /// Not any more: all guesses are spent, and what they were checked with is gone.
    Destroyed,
}

impl FactorLock {
    /// Whether it may still open: a passcode without guesses is as good as destroyed.
    pub fn may_open(&self) -> bool {
        match self {
            Self::Key => true,
            Self::Passcode(lock) => lock.guessing.count.left() > 0,
            Self::Destroyed => false,
        }
    }
}

/// What a passcode is checked with.
pub struct PasscodeLock {
    /// The enclave's own secrets for it.
    pub server: PasscodeServer,
    /// What the client registered.
    pub registered: RegisteredPasscode,
    /// How often it may be guessed at.
    pub guessing: Guessing,
}

/// The count of guesses and who counts them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guessing {
    /// The count.
    pub count: GuessCount,
    /// The enclave that serves guesses at the moment.
    pub lease: Option<Lease>,
}

/// One enclave at a time serves guesses at a factor: each has a memory of its own, and so many
/// enclaves would give so many times the guesses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    /// The enclave.
    pub enclave_key: EnclaveKeyId,
    /// Until when, in seconds since 1970.
    pub until_unix_s: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    registered: Option<WireRegistered>,
    passcode: Option<WirePasscode>,
    guessing: Option<Guessing>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRegistered {
    kind: FactorKind,
    added_at_unix_s: u64,
    #[serde(with = "serde_bytes")]
    wrapped_seed: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePasscode {
    #[serde(with = "serde_bytes")]
    server: Vec<u8>,
    #[serde(with = "serde_bytes")]
    registered: Vec<u8>,
}

impl Drop for WirePasscode {
    fn drop(&mut self) {
        self.server.zeroize();
        self.registered.zeroize();
    }
}

/// Whether factors of this kind are unlocked by a passcode that the enclave checks.
pub const fn needs_passcode(kind: FactorKind) -> bool {
    match kind {
        FactorKind::Passcode | FactorKind::CloudFile => true,
        FactorKind::RecoveryCode | FactorKind::ExportFile => false,
    }
}

impl FactorRecord {
    /// The plaintext to seal: of one length, whatever it holds.
    ///
    /// # Errors
    /// [`NotARecord`] for a sealed seed longer than any honest one.
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, NotARecord> {
        let bytes = encode(&self.wire());
        if bytes.len() > PLAINTEXT_BYTES - LENGTH_BYTES {
            return Err(NotARecord);
        }
        let mut padded = Zeroizing::new(Vec::with_capacity(PLAINTEXT_BYTES));
        padded.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        padded.extend_from_slice(&bytes);
        padded.resize(PLAINTEXT_BYTES, 0);
        Ok(padded)
    }

    fn wire(&self) -> Wire {
        let (registered, passcode, guessing) = match self {
            Self::Decoy(guessing) => (None, None, Some(guessing.clone())),
            Self::Registered(factor) => {
                let registered = WireRegistered {
                    kind: factor.kind,
                    added_at_unix_s: factor.added_at_unix_s,
                    wrapped_seed: factor.wrapped_seed.clone(),
                };
                match &factor.lock {
                    FactorLock::Key | FactorLock::Destroyed => (Some(registered), None, None),
                    FactorLock::Passcode(lock) => {
                        let passcode = WirePasscode {
                            server: lock.server.to_sealing_bytes().to_vec(),
                            registered: lock.registered.to_sealing_bytes().to_vec(),
                        };
                        (Some(registered), Some(passcode), Some(lock.guessing.clone()))
                    }
                }
            }
        };
        Wire { version: VERSION, registered, passcode, guessing }
    }

    /// Reads an opened plaintext.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>().ok_or(NotARecord)?;
        let length = u32::from_be_bytes(*length) as usize;
        if bytes.len() != PLAINTEXT_BYTES || length > rest.len() {
            return Err(NotARecord);
        }
        let (content, padding) = rest.split_at(length);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(NotARecord);
        }
        let wire: Wire = decode(content)?;
        check_version(wire.version)?;
        let Wire { registered, passcode, guessing, .. } = wire;
        let Some(registered) = registered else {
            return match (passcode, guessing) {
                (None, Some(guessing)) => Ok(Self::Decoy(guessing)),
                _ => Err(NotARecord),
            };
        };
        let lock = match (needs_passcode(registered.kind), passcode, guessing) {
            (false, None, None) => FactorLock::Key,
            (true, None, None) => FactorLock::Destroyed,
            (true, Some(passcode), Some(guessing)) => {
                FactorLock::Passcode(Box::new(PasscodeLock {
                    server: PasscodeServer::from_sealing_bytes(&passcode.server)
                        .map_err(|_| NotARecord)?,
                    registered: RegisteredPasscode::from_upload(&passcode.registered)
                        .map_err(|_| NotARecord)?,
                    guessing,
                }))
            }
            _ => return Err(NotARecord),
        };
        Ok(Self::Registered(RegisteredFactor {
            kind: registered.kind,
            added_at_unix_s: registered.added_at_unix_s,
            wrapped_seed: registered.wrapped_seed,
            lock,
        }))
    }

    /// The routing copy; a decoy is never listed.
    pub fn row(&self, factor: FactorId) -> Row {
        match self {
            Self::Decoy(_) => Row::Empty,
            Self::Registered(registered) => Row::Factor(FactorRow {
                factor,
                kind: registered.kind,
                added_at_unix_s: registered.added_at_unix_s,
            }),
        }
    }
}
