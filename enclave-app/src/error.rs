use std::io;

/// What can go wrong outside a client's request: at start, at a port, at the listener. What a
/// request is refused for is a [`Refusal`](crate::core::Refusal).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The trust configuration is not one, or says something that cannot be.
    #[error(transparent)]
    Trust(#[from] sharekeep_trust::Error),
    /// The certificate authorities to trust for a host are not usable.
    #[error("certificate authorities: {0}")]
    Authorities(&'static str),
    /// The NSM refused or answered something else.
    #[error("the nsm failed: {0}")]
    Nsm(&'static str),
    /// The kernel refused a step without which a guest serves nobody.
    #[error("the guest cannot {0}")]
    Guest(&'static str, #[source] io::Error),
    /// Nothing that could be a key may be drawn.
    #[error("no randomness: {0}")]
    Randomness(&'static str),
    /// The NSM's measurements are zero: whoever started the enclave can look into it.
    #[error("this enclave runs in debug mode")]
    DebugMode,
    /// Nobody answers a sign of life.
    #[error("no parent answers")]
    NoParent,
    /// The clock differs from the NSM's by more than the allowed skew.
    #[error("the clock is {0} s away from the nsm's")]
    Clock(u64),
    /// KMS did not answer in time, or says that it is busy.
    #[error("kms does not answer")]
    KmsUnavailable,
    /// KMS does not let this image use the key.
    #[error("kms denies the key")]
    KmsDenied,
    /// KMS says that these bytes are not a data key under this context, or its answer is not one.
    #[error("kms refuses the wrapped key")]
    KmsRefused,
    /// The host is not on the list of those that may be dialled.
    #[error("this host may not be dialled")]
    EgressForbidden,
    /// The egress proxy or the peer behind it does not answer.
    #[error("egress failed")]
    Egress(#[source] io::Error),
    /// TLS with the peer failed.
    #[error("tls failed")]
    Tls(#[source] io::Error),
    /// The peer answered something else than expected, or too much.
    #[error("unexpected answer: {0}")]
    Answer(&'static str),
    /// Credentials for KMS cannot be had.
    #[error("no credentials: {0}")]
    Credentials(&'static str),
    /// The cryptographic library failed where only lack of memory can make it fail.
    #[error("cryptographic library failed")]
    Crypto(#[from] sharekeep_channel::Error),
    /// The listener failed.
    #[error("listener failed")]
    Listener(#[source] io::Error),
}
