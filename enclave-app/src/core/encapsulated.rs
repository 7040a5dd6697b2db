use super::Request;
use super::authenticate::Caller;
use super::stop::Stop;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use sharekeep_channel::Error;
use sharekeep_channel::encapsulation::{Opened, PopValue, RequestBinding, ResponseSealer};
use sharekeep_channel::signature::KeyId;
use sharekeep_schemas::http::{Base64Url, SealedAnswer, SealedRequest};
use sharekeep_schemas::{EnclaveKeyId, ProblemCode, SessionKeyId, codec, limits, sealed};
use zeroize::Zeroizing;

/// An opened encapsulation.
pub(super) struct Envelope {
    plaintext: Zeroizing<Vec<u8>>,
    pub(super) pop: PopValue,
    pub(super) responder: ResponseSealer,
    /// SHA-256 of the sealed bytes: what an exact retry has in common with the first attempt.
    pub(super) digest: [u8; 32],
}

impl Request<'_> {
    /// Opens the body of a POST that is not the opening of a session.
    pub(super) fn open_body(&self, caller: &Caller) -> Result<Envelope, Stop> {
        let body: SealedRequest = self.json()?;
        self.open_sealed(caller.id, body.enclave_key, &body.sealed.0)
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Stop> {
        serde_json::from_slice(&self.http.body).map_err(|_| ProblemCode::MalformedRequest.into())
    }

    /// Opens an encapsulation that must be bound to this very method, path and idempotency key, and
    /// to the session whose key signed the request: a function that holds a user's sealed body and a
    /// session of its own must not have the one opened in the name of the other.
    pub(super) fn open_sealed(
        &self,
        session: SessionKeyId,
        enclave_key: EnclaveKeyId,
        sealed: &[u8],
    ) -> Result<Envelope, Stop> {
        let key = self.http.idempotency_key.as_ref().ok_or(ProblemCode::IdempotencyKeyMissing)?;
        if enclave_key != self.core.key_id {
            return Err(ProblemCode::EnclaveKeyUnknown.into());
        }
        if sealed.len() > limits::MAX_SEALED_BYTES {
            return Err(ProblemCode::TooLarge.into());
        }
        let binding = RequestBinding {
            method: &self.http.method,
            path: &self.http.path,
            session: KeyId::from_bytes(*session.as_bytes()),
            idempotency_key: key.as_str(),
        };
        let opened = self.core.key_pair.open(&binding, sealed).map_err(|error| match error {
            Error::WrongKey => ProblemCode::EnclaveKeyUnknown,
            Error::SealedTooLarge => ProblemCode::TooLarge,
            _ => ProblemCode::SealedInvalid,
        })?;
        let Opened { plaintext, pop, responder } = opened;
        Ok(Envelope { plaintext, pop, responder, digest: Sha256::digest(sealed).into() })
    }
}

/// A payload that says its version.
pub(super) trait Payload: DeserializeOwned {
    fn version(&self) -> u8;
}

macro_rules! payloads {
    ($($name:ident),+) => { $(impl Payload for sealed::$name {
        fn version(&self) -> u8 { self.version }
    })+ };
}
payloads!(
    Plain,
    OpenSession,
    CreateWallet,
    StartCeremony,
    StepCeremony,
    ActivateWallet,
    PutBackup,
    ChangeFactors,
    RegisterPasscode,
    StartGuess,
    FinishGuess,
    NameDevice,
    Restore
);

impl Envelope {
    /// The payload, of the only version there is.
    pub(super) fn payload<T: Payload>(&self) -> Result<T, Stop> {
        let payload: T = codec::decode(&self.plaintext, limits::MAX_SEALED_BYTES)
            .map_err(|_| ProblemCode::MalformedRequest)?;
        if payload.version() == sealed::VERSION {
            Ok(payload)
        } else {
            Err(ProblemCode::UnsupportedVersion.into())
        }
    }

    /// Seals the answer for whoever sealed the request.
    pub(super) fn answer(
        self,
        core: &super::Core,
        answer: &impl Serialize,
    ) -> Result<Vec<u8>, Stop> {
        seal_answer(core, self.responder, answer)
    }
}

/// The HTTP body of an answer.
pub(super) fn seal_answer(
    core: &super::Core,
    responder: ResponseSealer,
    answer: &impl Serialize,
) -> Result<Vec<u8>, Stop> {
    let plaintext = codec::encode_secret(answer);
    let sealed = responder.seal(&plaintext, &mut core.rng()).map_err(|_| ProblemCode::Internal)?;
    serde_json::to_vec(&SealedAnswer { sealed: Base64Url(sealed) })
        .map_err(|_| ProblemCode::Internal.into())
}
