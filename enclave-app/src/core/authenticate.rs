use super::device::LoadedDevice;
use super::records::unfit;
use super::stop::Stop;
use super::vault::Vault;
use super::{Request, lock};
use crate::record::{SessionHints, SessionRecord};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sharekeep_channel::Error;
use sharekeep_channel::signature::{
    Freshness, RequestParts, SessionPublicKey, SignatureHeaders, Verified, peek_key_id, verify,
};
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::{ProblemCode, Scope, SessionKeyAlgorithm, SessionKeyId, TenantId, limits};
use std::time::Duration;

/// How much longer than it is fresh a signature is remembered, in seconds: a call that is being
/// decided at one second may meet a memory that another call has cleared at a later one.
const IN_FLIGHT_S: u64 = 5;

/// Who asks, proved.
pub(super) struct Caller {
    pub(super) id: SessionKeyId,
    pub(super) session: SessionRecord,
    /// The session's version that the store holds.
    pub(super) version: u64,
    /// The device it was opened on. It was not revoked.
    pub(super) device: LoadedDevice,
    pub(super) vault: Vault,
}

impl Caller {
    pub(super) fn require(&self, scope: Scope) -> Result<(), Stop> {
        if self.session.allows(scope) { Ok(()) } else { Err(ProblemCode::ScopeInsufficient.into()) }
    }

    pub(super) fn user(&self) -> &[u8] {
        self.session.user.as_bytes()
    }
}

/// A session key in the form that the cryptography takes.
pub(super) fn session_key(
    key: &sharekeep_schemas::SessionPublicKey,
) -> Result<SessionPublicKey, Stop> {
    let algorithm = match key.algorithm {
        SessionKeyAlgorithm::EcdsaP256Sha256 => "p256",
        SessionKeyAlgorithm::Ed25519 => "ed25519",
    };
    format!("{algorithm}:{}", URL_SAFE_NO_PAD.encode(&key.key))
        .parse()
        .map_err(|_| ProblemCode::MalformedRequest.into())
}

pub(super) fn session_id(key: &SessionPublicKey) -> SessionKeyId {
    SessionKeyId::new(*key.key_id().as_bytes())
}

impl Request<'_> {
    /// Who asks: the session whose key signed this very request, recently and for the first time.
    pub(super) fn authenticate(&self) -> Result<Caller, Stop> {
        self.caller(None)
    }

    /// As [`authenticate`](Self::authenticate), but a session that is revoked in memory may ask for
    /// its own end again: the first answer may have been lost before its write was committed.
    pub(super) fn authenticate_to_revoke(&self, id: SessionKeyId) -> Result<Caller, Stop> {
        self.caller(Some(id))
    }

    fn caller(&self, ending: Option<SessionKeyId>) -> Result<Caller, Stop> {
        let headers = self.signature_headers()?;
        let named = peek_key_id(&headers).map_err(|_| ProblemCode::SignatureInvalid)?;
        let id = SessionKeyId::new(*named.as_bytes());
        let key = RecordKey::Session(id);
        let stored = self.records.one(&key)?.ok_or(ProblemCode::SessionUnknown)?;
        let hints = SessionHints::decode(stored).map_err(|_| unfit())?;
        self.records.require(&tenant_queries(&hints.tenant))?;
        let [vault] = self.vaults([&hints.tenant])?;
        let opened = self.open(&vault, hints.user.as_bytes(), &key, &hints.sealed)?;
        let session = SessionRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
        let public_key = session_key(&session.public_key)?;
        if session.tenant != hints.tenant || session.user != hints.user {
            return Err(unfit());
        }
        let verified = self.verify_signature(&public_key, &headers)?;
        let tenant = self.tenant(&session.tenant)?;
        self.check_authority(&tenant)?;
        self.claim(id, &verified)?;
        if ending != Some(id) && lock(&self.core.memory).is_revoked(&id, self.now) {
            return Err(ProblemCode::SessionUnknown.into());
        }
        if lock(&self.core.memory).is_device_revoked(session.user, session.device) {
            return Err(ProblemCode::DeviceRevoked.into());
        }
        if self.now >= session.expires_at_unix_s {
            return Err(ProblemCode::SessionExpired.into());
        }
        // A session that another enclave opened while the device was being revoked was not deleted
        // with it.
        let device = self.device(&vault, session.user, session.device)?;
        // One that made room for another is forgotten, and its sessions with it.
        let device = device.ok_or(ProblemCode::SessionUnknown)?;
        if device.record.revoked_at_unix_s.is_some() {
            return Err(ProblemCode::DeviceRevoked.into());
        }
        Ok(Caller { id, session, version: opened.version.record_version, device, vault })
    }

    pub(super) fn signature_headers(&self) -> Result<SignatureHeaders, Stop> {
        match (&self.http.signature_input, &self.http.signature) {
            (Some(input), Some(signature)) => Ok(SignatureHeaders {
                signature_input: input.clone(),
                signature: signature.clone(),
                content_digest: self.http.content_digest.clone(),
            }),
            _ => Err(ProblemCode::SignatureMissing.into()),
        }
    }

    pub(super) fn verify_signature(
        &self,
        key: &SessionPublicKey,
        headers: &SignatureHeaders,
    ) -> Result<Verified, Stop> {
        let parts = RequestParts {
            method: &self.http.method,
            authority: &self.http.authority,
            path: &self.http.path,
            query: self.http.query.as_deref(),
            body: &self.http.body,
        };
        let freshness = Freshness {
            max_skew: Duration::from_secs(limits::MAX_CLOCK_SKEW_S),
            max_age: Duration::from_secs(limits::MAX_SIGNATURE_AGE_S),
        };
        verify(key, &parts, headers, self.now, &freshness).map_err(|error| {
            match error {
                Error::SignatureMissing => ProblemCode::SignatureMissing,
                Error::SignatureStale | Error::SignatureNotYetValid => ProblemCode::SignatureStale,
                _ => ProblemCode::SignatureInvalid,
            }
            .into()
        })
    }

    /// Takes the signature's nonce; a signature counts once.
    pub(super) fn claim(&self, id: SessionKeyId, verified: &Verified) -> Result<(), Stop> {
        let until = verified.expires_unix_s.saturating_add(limits::MAX_CLOCK_SKEW_S + IN_FLIGHT_S);
        let nonce = lock(&self.core.memory).claim_nonce(id, &verified.nonce, until, self.now)?;
        self.nonce.set(Some(nonce));
        Ok(())
    }
}

/// What every request of a tenant's user needs.
pub(super) fn tenant_queries(tenant: &TenantId) -> [RecordQuery; 2] {
    [RecordQuery::One(RecordKey::Tenant(tenant.clone())), RecordQuery::DataKeysOf(tenant.clone())]
}
