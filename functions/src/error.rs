use sharekeep_schemas::ProblemCode;
use std::borrow::Cow;

/// Why a request was not served. Only the module `problem` turns it into an answer.
///
/// No variant carries what a store or an enclave said in full: their texts can hold item contents,
/// and errors end up in logs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request is refused; nothing is wrong with the service.
    #[error("refused: {code}")]
    Refused {
        /// Why.
        code: ProblemCode,
        /// What a user can do about it. Never holds user data.
        detail: Option<Cow<'static, str>>,
        /// When to try again, in seconds.
        retry_after_s: Option<u32>,
    },
    /// A write's condition did not hold: somebody else was faster. Nothing was written.
    #[error("a record changed at the same time")]
    Conflict,
    /// The store does not answer in time, or throttles.
    #[error("the store is unavailable: {0}")]
    StoreUnavailable(Cow<'static, str>),
    /// The store answered what only a wrong deployment or an edited table explains.
    #[error("the store is broken: {0}")]
    StoreBroken(Cow<'static, str>),
    /// No enclave answers in time.
    #[error("the enclave is unavailable: {0}")]
    EnclaveUnavailable(Cow<'static, str>),
    /// The enclave sheds load.
    #[error("the enclave is overloaded")]
    EnclaveOverloaded {
        /// When to try again, in seconds.
        retry_after_s: u32,
    },
    /// The enclave broke the contract between function and enclave.
    #[error("the enclave broke the contract: {0}")]
    EnclaveBroken(&'static str),
    /// A setting is missing or malformed.
    #[error("the setting {0} is missing or malformed")]
    Setting(&'static str),
    /// A fault of ours.
    #[error("internal fault: {0}")]
    Internal(&'static str),
}

/// What functions of this crate return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A refusal that its code explains well enough.
    pub const fn refused(code: ProblemCode) -> Self {
        Self::Refused { code, detail: None, retry_after_s: None }
    }

    /// A refusal with a hint for the caller.
    pub const fn refused_with(code: ProblemCode, detail: &'static str) -> Self {
        Self::Refused { code, detail: Some(Cow::Borrowed(detail)), retry_after_s: None }
    }
}
