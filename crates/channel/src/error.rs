use thiserror::Error;

/// Everything that can go wrong in this crate.
///
/// Failures that would tell an attacker which check stopped them are merged into one variant
/// ([`Error::Opening`], [`Error::RecordOpening`], [`Error::CmsOpening`]); the others name what is
/// public anyway.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A public key is not a point or has the wrong length.
    #[error("public key is malformed")]
    PublicKeyMalformed,
    /// Sealed bytes of a secret key don't have the shape this crate writes.
    #[error("secret key bytes are malformed")]
    SecretKeyMalformed,
    /// A text form of an id, hash, nonce or key is not in its one accepted form.
    #[error("identifier is malformed")]
    IdentifierMalformed,

    /// A plaintext is longer than one sealed message can carry.
    #[error("plaintext is too large to seal")]
    PlaintextTooLarge,
    /// A sealed message is longer than the limit.
    #[error("sealed message is too large")]
    SealedTooLarge,
    /// A sealed message has no readable header, or an unknown version or suite.
    #[error("sealed message is malformed")]
    SealedMalformed,
    /// A request is sealed to another enclave key: attest again and seal anew.
    #[error("request is sealed to another enclave key")]
    WrongKey,
    /// A sealed message did not open: tampered with, or bound to another method, path or request
    /// id. Which one is not told.
    #[error("sealed message does not open")]
    Opening,
    /// The sender's side of the encapsulation failed.
    #[error("request could not be sealed")]
    Sealing,

    /// A request carries no signature, or a signature header is repeated.
    #[error("request is not signed exactly once")]
    SignatureMissing,
    /// A signature header is not in the one form of this profile.
    #[error("signature headers are malformed")]
    SignatureMalformed,
    /// The signature covers other components than the profile demands for this request.
    #[error("signature does not cover the request as required")]
    SignatureCoverage,
    /// The signature names another key or another algorithm than the key it is checked with.
    #[error("signature names another key")]
    SignatureKeyMismatch,
    /// The signature is too old, expired, or valid for longer than allowed.
    #[error("signature is stale")]
    SignatureStale,
    /// The signature was made in the future: the client's clock is ahead.
    #[error("signature is from the future")]
    SignatureNotYetValid,
    /// The body is not the one that was signed.
    #[error("content digest does not match the body")]
    ContentDigestMismatch,
    /// The signature does not verify.
    #[error("signature does not verify")]
    SignatureInvalid,
    /// A session key's proof of possession does not verify for this sealed request.
    #[error("proof of possession does not verify")]
    PossessionInvalid,

    /// An attestation document is longer than the limit.
    #[error("attestation document is too large")]
    DocumentTooLarge,
    /// An attestation document lacks the named part, or has it in a wrong shape.
    #[error("attestation document is malformed: {0}")]
    DocumentMalformed(&'static str),
    /// An attestation document says that it is not signed, as emulators' documents do.
    #[error("attestation document is not signed")]
    DocumentUnsigned,
    /// An attestation document is signed with another algorithm than ES384.
    #[error("attestation document is not signed with ES384")]
    DocumentAlgorithm,
    /// The document's chain does not start at the pinned root.
    #[error("attestation document has another root")]
    WrongRoot,
    /// A certificate of the document's chain has expired.
    #[error("a certificate of the attestation document has expired")]
    ChainExpired,
    /// A certificate of the document's chain is not valid yet.
    #[error("a certificate of the attestation document is not valid yet")]
    ChainNotYetValid,
    /// The document's chain does not lead from the leaf to the root.
    #[error("certificate chain of the attestation document is invalid")]
    ChainInvalid(#[source] webpki::Error),
    /// The document's signature is not the leaf's: it was tampered with.
    #[error("signature of the attestation document is invalid")]
    DocumentSignature,
    /// The enclave runs in debug mode (all-zero PCRs): its parent can read its memory.
    #[error("enclave runs in debug mode")]
    DebugEnclave,
    /// The measured image, which a genuine document names, is not one of the allowed ones.
    #[error("enclave image is not an allowed one")]
    PcrMismatch(Box<crate::attestation::PcrSet>),
    /// The document answers another nonce: it may be a replay.
    #[error("attestation document has another nonce")]
    WrongNonce,
    /// The document is older than allowed.
    #[error("attestation document is too old")]
    DocumentStale,
    /// The document's time lies in the future.
    #[error("attestation document is from the future")]
    DocumentFromFuture,
    /// The document's user data is not a statement of this service's enclave.
    #[error("enclave statement is malformed")]
    StatementMalformed,

    /// A receipt is not in its one encoding, or a field is longer than its limit.
    #[error("receipt is malformed")]
    ReceiptMalformed,
    /// A statement key's signature does not verify.
    #[error("statement signature does not verify")]
    StatementSignature,
    /// A receipt speaks of another deployment, tenant or wallet than the one held.
    #[error("receipt is for another wallet")]
    ReceiptForAnother,
    /// A receipt is older than the one held: state was rolled back.
    #[error("receipt is older than the one held")]
    ReceiptRolledBack,
    /// A receipt has the held one's version but another content: history was forked.
    #[error("receipt contradicts the one held")]
    ReceiptForked,

    /// A sealed record is longer than a store item can be.
    #[error("record is too large")]
    RecordTooLarge,
    /// A sealed record has no readable header, or an unknown version, suite or kind.
    #[error("sealed record is malformed")]
    RecordMalformed,
    /// A sealed record needs another data key.
    #[error("record is sealed with another data key")]
    RecordOtherDataKey,
    /// A sealed record did not open: tampered with, or moved to another tenant, user, id or kind.
    /// Which one is not told.
    #[error("sealed record does not open")]
    RecordOpening,

    /// A CMS envelope is not what KMS sends, or is over a limit.
    #[error("cms envelope is malformed: {0}")]
    CmsMalformed(&'static str),
    /// A CMS envelope did not open. One error for all causes, so that it is no padding oracle.
    #[error("cms envelope does not open")]
    CmsOpening,
    /// The cryptographic library failed where only lack of memory or randomness can make it fail.
    #[error("cryptographic library failed")]
    Library,
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;
