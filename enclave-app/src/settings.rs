use sharekeep_recovery::DEFAULT_GUESS_LIMIT;
use std::num::NonZeroU8;
use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// What an enclave is started with.
pub struct Settings {
    /// The encoded trust configuration; measured together with the image.
    pub trust_bytes: Vec<u8>,
    /// Bounds of memory, CPU and guesses.
    pub limits: Limits,
}

/// Bounds of memory, CPU and guesses, part of the image. None of them is a secret.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Ceremonies that may run at once.
    pub ceremonies: usize,
    /// Bytes that ceremonies and their last answers may hold.
    pub ceremony_bytes: usize,
    /// What of both one user's running ceremonies may take.
    pub user_share: Share,
    /// What of both the running ceremonies of all users of a tenant may take: accounts are cheap, so
    /// a user's share alone would leave the others of a deployment to one tenant's mercy.
    pub tenant_share: Share,
    /// Worker threads; none means one a core.
    pub workers: Option<usize>,
    /// Steps that may wait for a worker.
    pub queue: usize,
    /// Sets of safe primes to have ready; 0 turns the search off.
    pub primes: usize,
    /// Connections served at once.
    pub connections: usize,
    /// Wrong guesses after which a passcode is destroyed: each passcode keeps the limit that it was
    /// registered under.
    pub guess_limit: NonZeroU8,
    /// How long an enclave serves guesses at a passcode alone, in seconds from its last one.
    pub guess_lease_s: u64,
    /// Guesses at passcodes that are served in a minute, over all users. No other enclave hands its
    /// counts over, so without it every restart over old tables would give each passcode its
    /// guesses anew.
    pub guesses_per_minute: u32,
    /// How long a data key is used before KMS is asked again, at the first use after that and beside
    /// the request: so long, and for the requests until KMS has answered, does an image go on that the
    /// key's policy no longer names.
    pub data_key_fresh: Duration,
    /// How long a data key is used while KMS does not answer.
    pub data_key_lifetime: Duration,
    /// How often a data key is used without asking KMS again.
    pub data_key_uses: u32,
}

/// A part of the places and of the memory for running ceremonies.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Share {
    /// Ceremonies at once.
    pub ceremonies: usize,
    /// Bytes of their states and last answers.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ceremonies: 1024,
            ceremony_bytes: 256 * MIB,
            // Eight ceremonies of dkls23 with their answers, or four of cggmp24.
            user_share: Share { ceremonies: 8, bytes: 10 * MIB },
            // Half: whatever one tenant's users do, the others have the other half.
            tenant_share: Share { ceremonies: 512, bytes: 128 * MIB },
            workers: None,
            queue: 64,
            primes: 4,
            connections: 512,
            guess_limit: DEFAULT_GUESS_LIMIT,
            guess_lease_s: 120,
            guesses_per_minute: 30,
            data_key_fresh: Duration::from_secs(300),
            data_key_lifetime: Duration::from_secs(3_600),
            data_key_uses: 100_000,
        }
    }
}
