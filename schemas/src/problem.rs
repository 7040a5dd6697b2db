//! Problems (RFC 9457): the stable codes, each with its status, title and whether a retry helps.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! problems {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $retry:ident, $title:literal;)+) => {
        /// A stable problem code. Clients may branch on it; titles and details may change.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ProblemCode {
            $($(#[$doc])* #[serde(rename = $code)] $variant),+
        }

        crate::openapi::word_list!(ProblemCode);

        impl ProblemCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// A short title for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }

            /// Whether the same request may succeed later.
            pub const fn retryable(self) -> bool {
                match self { $(Self::$variant => problems!(@$retry)),+ }
            }
        }
    };
    (@retry) => { true };
    (@final) => { false };
}

problems! {
    /// Not JSON, CBOR or HTTP of the expected shape.
    MalformedRequest = "malformed_request", 400, final, "The request is malformed";
    /// A version this service does not speak.
    UnsupportedVersion = "unsupported_version", 400, final, "This version is not supported";
    /// Over a size limit.
    TooLarge = "too_large", 413, final, "The request is too large";
    /// No such route or record, or not the caller's (merged on purpose: no oracle).
    NotFound = "not_found", 404, final, "There is no such thing, or it is not yours";
    /// The route exists, the method does not.
    MethodNotAllowed = "method_not_allowed", 405, final, "This method is not allowed here";
    /// POST without an Idempotency-Key.
    IdempotencyKeyMissing = "idempotency_key_missing", 400, final, "An Idempotency-Key header is needed";
    /// The same key came with another body.
    IdempotencyKeyReused = "idempotency_key_reused", 422, final, "This Idempotency-Key belongs to another request";
    /// The first request with this key is not finished.
    IdempotencyInFlight = "idempotency_in_flight", 409, retry, "The first request with this key is still running";
    /// Somebody else changed a record first.
    Conflict = "conflict", 409, retry, "Something changed at the same time";
    /// Too many requests.
    RateLimited = "rate_limited", 429, retry, "Too many requests";
    /// The enclave has enough to do.
    Overloaded = "overloaded", 503, retry, "The service is busy";
    /// No enclave answers.
    EnclaveUnavailable = "enclave_unavailable", 503, retry, "The enclave does not answer";
    /// The store does not answer.
    StoreUnavailable = "store_unavailable", 503, retry, "The store does not answer";
    /// KMS does not answer or refuses.
    KmsUnavailable = "kms_unavailable", 503, retry, "The key service does not answer";
    /// The request is sealed to a key this enclave does not hold.
    EnclaveKeyUnknown = "enclave_key_unknown", 409, final, "Sealed to another enclave key: attest again";
    /// The encapsulation does not open: changed bytes, path, method, session or
    /// Idempotency-Key.
    SealedInvalid = "sealed_invalid", 400, final, "The sealed body does not open";
    /// No HTTP message signature.
    SignatureMissing = "signature_missing", 401, final, "The request is not signed";
    /// The signature does not verify or covers too little.
    SignatureInvalid = "signature_invalid", 401, final, "The request signature is not valid";
    /// Signed too long ago or in the future.
    SignatureStale = "signature_stale", 401, final, "The request signature is not fresh";
    /// The signature was used before.
    SignatureReplayed = "signature_replayed", 401, final, "The request signature was used before";
    /// Signed for a host that is not one of the tenant's origins.
    AuthorityMismatch = "authority_mismatch", 401, final, "Signed for another host";
    /// No such session, or revoked (merged on purpose).
    SessionUnknown = "session_unknown", 401, final, "There is no such session";
    /// The session is over.
    SessionExpired = "session_expired", 401, final, "The session has expired";
    /// The session key's proof of possession does not hold.
    SessionProofInvalid = "session_proof_invalid", 401, final, "The session key's proof does not hold";
    /// The session may not do this.
    ScopeInsufficient = "scope_insufficient", 403, final, "The session's scope does not allow this";
    /// No such tenant, or its document is not signed by the operator.
    TenantUnknown = "tenant_unknown", 404, final, "There is no such tenant";
    /// Not a JWT, or one that uses what we refuse.
    TokenMalformed = "token_malformed", 401, final, "The token is malformed";
    /// Over the size limit for tokens.
    TokenTooLarge = "token_too_large", 401, final, "The token is too large";
    /// An algorithm the tenant does not allow.
    TokenAlgorithm = "token_algorithm", 401, final, "The token's algorithm is not allowed";
    /// Signed by a key the issuer does not publish.
    TokenKeyUnknown = "token_key_unknown", 401, final, "The token's key is not known";
    /// The signature does not verify.
    TokenSignature = "token_signature", 401, final, "The token's signature is not valid";
    /// Not one of the tenant's issuers.
    TokenIssuer = "token_issuer", 401, final, "The token's issuer is not allowed";
    /// Not meant for this tenant.
    TokenAudience = "token_audience", 401, final, "The token is for another audience";
    /// Past its time.
    TokenExpired = "token_expired", 401, final, "The token has expired";
    /// Before its time.
    TokenNotYetValid = "token_not_yet_valid", 401, final, "The token is not valid yet";
    /// Not bound to the session key as the tenant document says.
    TokenBinding = "token_binding", 401, final, "The token is not bound to this session key";
    /// One token opens one session.
    TokenUsed = "token_used", 401, final, "The token was used before";
    /// The issuer's keys cannot be fetched.
    IssuerUnavailable = "issuer_unavailable", 503, retry, "The identity provider's keys cannot be fetched";
    /// The scheme and protocol do not go together.
    ProtocolUnsupported = "protocol_unsupported", 422, final, "This protocol cannot serve this scheme";
    /// The wallet is not in a state that allows this.
    WalletState = "wallet_state", 409, final, "The wallet's state does not allow this";
    /// A wallet cannot be used, or be made, before factors and a backup exist.
    BackupMissing = "backup_missing", 409, final, "There is no backup of this wallet yet";
    /// Sealed to a recovery key, an epoch or a version that is not the current one.
    BackupStale = "backup_stale", 409, final, "The backup belongs to another recovery key, epoch or version";
    /// Conditional request without If-Match.
    PreconditionMissing = "precondition_missing", 428, final, "An If-Match header is needed";
    /// If-Match names another version.
    PreconditionFailed = "precondition_failed", 412, final, "It was changed meanwhile";
    /// The list of factors is not signed as it must be, or breaks a rule.
    FactorsRefused = "factors_refused", 422, final, "The list of factors was refused";
    /// A passcode alone, without the user's explicit waiver.
    SecondFactorMissing = "second_factor_missing", 422, final, "A passcode alone needs an explicit waiver";
    /// The guess was wrong, or came too late, or the factor does not exist (merged on purpose).
    GuessRefused = "guess_refused", 401, final, "The passcode is not right";
    /// Too many guesses lately.
    GuessTooEarly = "guess_too_early", 429, retry, "Too many guesses: wait";
    /// All guesses are spent; the passcode is destroyed (or never was).
    GuessesSpent = "guesses_spent", 403, final, "All guesses are spent: this passcode is destroyed";
    /// Another enclave serves this user's passcodes at the moment.
    FactorLeased = "factor_leased", 503, retry, "Another enclave serves this passcode at the moment";
    /// The device was revoked.
    DeviceRevoked = "device_revoked", 401, final, "This device was revoked";
    /// Only a device that has shown a factor may do this.
    FactorNeeded = "factor_needed", 403, final, "This device has to unlock a factor first";
    /// The proof that the device knows the share does not hold.
    PossessionInvalid = "possession_invalid", 422, final, "The proof of possession does not hold";
    /// More wallets, devices or factors than a user may have.
    TooMany = "too_many", 409, final, "There are too many of these";
    /// The wallet's share is on another device of the user's, and this one has not shown that it
    /// holds one.
    WalletOnOtherDevice = "wallet_on_other_device", 403, final, "The wallet belongs to another of your devices";
    /// What is to be signed is not one of the kinds we sign, or does not fit the wallet.
    MessageRefused = "message_refused", 422, final, "This message cannot be signed";
    /// The enclave does not hold the preparation that the client names.
    PreparationUnknown = "preparation_unknown", 409, final, "The preparation is not known: prepare again";
    /// No prime numbers are ready yet.
    PreparationNotReady = "preparation_not_ready", 503, retry, "The enclave is still searching for primes";
    /// No such ceremony here, or it is over (merged on purpose).
    CeremonyUnknown = "ceremony_unknown", 404, final, "There is no such running ceremony";
    /// A step was skipped or came too late.
    CeremonyStep = "ceremony_step", 409, final, "The ceremony expects another step";
    /// Another body for a step that was taken; the ceremony is over.
    CeremonyForked = "ceremony_forked", 409, final, "The step was taken with another body; the ceremony is over";
    /// The same start came twice.
    CeremonyRepeated = "ceremony_repeated", 409, final, "This ceremony was started before";
    /// A protocol message was refused; the ceremony is over.
    CeremonyFault = "ceremony_fault", 422, final, "A protocol message was refused; the ceremony is over";
    /// A sealed record does not open: the store was changed behind our back.
    RecordRefused = "record_refused", 500, final, "A stored record was refused";
    /// A fault of ours.
    Internal = "internal", 500, retry, "Something went wrong";
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The body of an `application/problem+json` answer (RFC 9457).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `https://sharekeep.dev/problems/<code>`; an identifier, not a page to fetch.
    #[serde(rename = "type")]
    pub kind: String,
    /// The stable code.
    pub code: ProblemCode,
    /// A short title for people.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// What a user can do about it. Never holds user data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The request's id, for support.
    pub request_id: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

impl Problem {
    /// The body for a code.
    pub fn new(code: ProblemCode, detail: Option<String>, request_id: String) -> Self {
        Self {
            kind: format!("https://sharekeep.dev/problems/{code}"),
            code,
            title: code.title().to_owned(),
            status: code.status(),
            detail,
            request_id,
            retryable: code.retryable(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_statuses_are_errors() {
        let mut seen = std::collections::BTreeSet::new();
        for code in ProblemCode::ALL {
            assert!(seen.insert(code.as_str()), "{code} twice");
            assert!((400..600).contains(&code.status()));
        }
    }
}
