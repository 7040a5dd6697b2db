//! What a function and an enclave say to each other: CBOR over HTTP, on vsock or a Unix socket.
//!
//! `POST /v1/call` takes a [`Call`] and answers a [`Reply`]. The function hands over the HTTP
//! request as the client signed it and the records it guesses are needed. When others are needed,
//! the enclave answers [`Reply::Need`] and the function calls again with them; nothing has
//! happened until [`Reply::Done`]. `GET /health` answers [`EnclaveHealth`].

mod record;
mod row;

pub use record::{Condition, LoadedRecord, Put, RecordKey, RecordQuery, StoredRecord, Write};
pub use row::{BackupRow, CeremonyRow, DeviceRow, EventRow, FactorRow, Row, SessionRow, WalletRow};

use crate::ids::{EnclaveKeyId, IdempotencyKey};
use crate::problem::ProblemCode;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// The version of this interface.
pub const VERSION: u8 = 1;
/// Where calls go.
pub const CALL_PATH: &str = "/v1/call";
/// Where health is asked.
pub const HEALTH_PATH: &str = "/health";

/// One request of a client, with the records that go with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// [`VERSION`].
    pub version: u8,
    /// The request as the client signed it; the enclave checks the signature itself.
    pub http: HttpRequest,
    /// What the function has loaded so far.
    pub records: Vec<LoadedRecord>,
}

/// The parts of an HTTP request that a signature covers or that the enclave reads.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// The authority the client says it signed for; checked against the tenant's origins, and
    /// never taken from a proxy's headers.
    pub authority: String,
    /// The path, without the query.
    pub path: String,
    /// The query, without `?`.
    pub query: Option<String>,
    /// The `Signature-Input` header.
    pub signature_input: Option<String>,
    /// The `Signature` header.
    pub signature: Option<String>,
    /// The `Content-Digest` header.
    pub content_digest: Option<String>,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The raw HTTP body (JSON): the content digest is over exactly these bytes.
    pub body: ByteBuf,
}

/// The enclave's answer to a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Reply {
    /// Call again with these records too.
    Need {
        /// What to load.
        queries: Vec<RecordQuery>,
    },
    /// Keys had to be made first: commit these writes, then call again with the queries' records
    /// (read after the commit: where another call was faster, its keys are the ones that count).
    Provision {
        /// What to commit. A lost race is no error here.
        writes: Vec<Write>,
        /// What to load afterwards.
        queries: Vec<RecordQuery>,
    },
    /// Commit the writes in one transaction, then release the answer.
    Done {
        /// The HTTP body (JSON) for the client.
        body: ByteBuf,
        /// What to commit; empty for reads.
        writes: Vec<Write>,
    },
    /// Refused. The writes, if any, are committed all the same (an aborted ceremony).
    Refused {
        /// Why.
        code: ProblemCode,
        /// What a user can do about it. Never holds user data.
        detail: Option<String>,
        /// When to try again, in seconds.
        retry_after_s: Option<u32>,
        /// What to commit.
        writes: Vec<Write>,
    },
}

/// How an enclave is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EnclaveHealth {
    /// Its encapsulation key's id.
    pub enclave_key: EnclaveKeyId,
    /// Its clock, in seconds since 1970.
    pub time_unix_s: u64,
    /// Its PCR0, 1 and 2, as its NSM says.
    pub pcrs: Vec<ByteBuf>,
    /// How many seconds ago KMS last answered; none before the first time.
    pub kms_ok_age_s: Option<u64>,
    /// Whether a KMS call failed within two minutes and none was answered since.
    pub kms_failing: bool,
    /// Running ceremonies.
    pub ceremonies: u32,
    /// Steps waiting for a CPU.
    pub queued_steps: u32,
    /// Safe-prime sets that are ready.
    pub primes_ready: u32,
    /// How many it wants to have ready.
    pub primes_wanted: u32,
}
