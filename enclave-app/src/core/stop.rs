use super::ceremony::Job;
use super::issuer_keys::IssuerKeyQuery;
use serde_bytes::ByteBuf;
use sharekeep_schemas::enclave::{RecordQuery, Reply, Write};
use sharekeep_schemas::{DataKeyNumber, ProblemCode, TenantId};

/// Why a request is refused. The code is stable and says no more than an attacker may know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The code.
    pub code: ProblemCode,
    /// What a user can do; fixed texts only, so that no user data can slip in.
    pub detail: Option<&'static str>,
    /// When to try again, in seconds.
    pub retry_after_s: Option<u32>,
    /// What is committed all the same.
    pub writes: Vec<Write>,
}

impl From<ProblemCode> for Refusal {
    fn from(code: ProblemCode) -> Self {
        Self { code, detail: None, retry_after_s: None, writes: vec![] }
    }
}

impl Refusal {
    /// With a text for the user.
    pub fn saying(code: ProblemCode, detail: &'static str) -> Self {
        Self { detail: Some(detail), ..code.into() }
    }

    /// With a time to try again.
    pub fn later(code: ProblemCode, retry_after_s: u32) -> Self {
        Self { retry_after_s: Some(retry_after_s), ..code.into() }
    }

    /// With writes.
    pub fn writing(code: ProblemCode, writes: Vec<Write>) -> Self {
        Self { writes, ..code.into() }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self::Refused {
            code: refusal.code,
            detail: refusal.detail.map(str::to_owned),
            retry_after_s: refusal.retry_after_s,
            writes: refusal.writes,
        }
    }
}

/// One wrapped data key to open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataKeyQuery {
    /// Whose.
    pub tenant: TenantId,
    /// Which.
    pub number: DataKeyNumber,
    /// What KMS wants back.
    pub wrapped: Vec<u8>,
}

/// What must be done outside before the same call can be decided again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Have KMS open data keys, and give them to [`Core::learn_data_key`](super::Core::learn_data_key).
    OpenDataKeys(Vec<DataKeyQuery>),
    /// Have KMS make a first data key for each, and answer
    /// [`Core::provision_data_keys`](super::Core::provision_data_keys).
    MakeDataKeys(Vec<TenantId>),
    /// Fetch an issuer's keys, and give them to
    /// [`Core::learn_issuer_keys`](super::Core::learn_issuer_keys).
    FetchIssuerKeys(IssuerKeyQuery),
}

/// What happens with a call.
pub enum Decision {
    /// The answer.
    Reply(Reply),
    /// Something from outside is needed first.
    Wish(Wish),
    /// A ceremony's step: run it on a worker.
    Work(Box<Job>),
}

impl From<Refusal> for Decision {
    fn from(refusal: Refusal) -> Self {
        Self::Reply(refusal.into())
    }
}

/// Why a handler stopped before it was done.
pub(super) enum Stop {
    Need(Vec<RecordQuery>),
    Provision { writes: Vec<Write>, queries: Vec<RecordQuery> },
    Wish(Wish),
    Refuse(Refusal),
}

impl From<ProblemCode> for Stop {
    fn from(code: ProblemCode) -> Self {
        Self::Refuse(code.into())
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl From<Stop> for Decision {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Need(queries) => Self::Reply(Reply::Need { queries }),
            Stop::Provision { writes, queries } => {
                Self::Reply(Reply::Provision { writes, queries })
            }
            Stop::Wish(wish) => Self::Wish(wish),
            Stop::Refuse(refusal) => refusal.into(),
        }
    }
}

/// A finished request.
#[derive(Clone)]
pub(super) struct Done {
    pub(super) body: Vec<u8>,
    pub(super) writes: Vec<Write>,
}

impl From<Done> for Reply {
    fn from(done: Done) -> Self {
        Self::Done { body: ByteBuf::from(done.body), writes: done.writes }
    }
}

impl From<Done> for Decision {
    fn from(done: Done) -> Self {
        Self::Reply(done.into())
    }
}

/// How a handler ended.
pub(super) enum Outcome {
    Done(Done),
    Work(Box<Job>),
}
