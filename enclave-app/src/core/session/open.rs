use super::delete_session;
use crate::core::authenticate::{session_id, session_key, tenant_queries};
use crate::core::device::{Devices, LoadedDevice};
use crate::core::encapsulated::Envelope;
use crate::core::records::unfit;
use crate::core::stop::{Done, Refusal, Stop};
use crate::core::vault::Vault;
use crate::core::write::{Content, delete, unchanged};
use crate::core::{Request, lock};
use crate::record::{DeviceRecord, SessionHints, SessionRecord, TokenRecord};
use ed25519_dalek::{Signature, VerifyingKey};
use sharekeep_channel::signature::{SessionProof, SessionPublicKey};
use sharekeep_schemas::enclave::{Condition, RecordKey, RecordQuery, Row, Write};
use sharekeep_schemas::http::OpenSessionRequest;
use sharekeep_schemas::sealed::{DEVICE_PROOF_LABEL, OpenSession, SessionOpened};
use sharekeep_schemas::{
    DeviceId, EventKind, ProblemCode, SessionKeyId, TenantId, TokenId, UserId, limits,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most devices that leave for one: more than are ever too many at a time.
const MAX_LEAVING: usize = 8;

/// How long a token's mark outlives the token, in seconds: the token is accepted a skew after its
/// end, by a clock of ours that may be a skew behind; the store deletes the mark by a clock that may
/// be a skew ahead.
const MARK_OUTLIVES_TOKEN_S: u64 = 3 * limits::MAX_CLOCK_SKEW_S;

/// What is known once the token is verified.
struct Opening<'a> {
    id: SessionKeyId,
    user: UserId,
    tenant: &'a TenantId,
    vault: &'a Vault,
    payload: &'a OpenSession,
}

impl Request<'_> {
    /// Opens a session: a verified token, bound to a new key that proves itself in this very
    /// encapsulation. One token opens one session, so what a function keeps is worth nothing.
    pub(in crate::core) fn open_session(&self) -> Result<Done, Stop> {
        let headers = self.signature_headers()?;
        let body: OpenSessionRequest = self.json()?;
        let public_key = session_key(&body.session_key)?;
        let verified = self.verify_signature(&public_key, &headers)?;
        let id = session_id(&public_key);

        let mut queries = tenant_queries(&body.tenant).to_vec();
        queries.extend(self.deployment_queries());
        self.records.require(&queries)?;
        let tenant = self.tenant(&body.tenant)?;
        self.check_authority(&tenant)?;
        self.claim(id, &verified)?;

        let envelope = self.open_sealed(id, body.enclave_key, &body.sealed.0)?;
        let payload: OpenSession = envelope.payload()?;
        // Beside the binding of the seal, the key is named, and proved, inside.
        if payload.session_key != body.session_key || payload.tenant != body.tenant {
            return Err(ProblemCode::SessionProofInvalid.into());
        }
        check_proofs(&envelope, &public_key, &payload)?;
        if payload.scopes.is_empty() || payload.lifetime_s == Some(0) {
            return Err(ProblemCode::MalformedRequest.into());
        }
        let identity = self.verify_token(payload.token.expose(), &tenant, &id)?;

        let vault = self.both_vaults(&body.tenant)?;
        let keys = self.deployment_keys()?;
        let user = keys.user_id(&body.tenant, &identity.issuer, &identity.subject);
        let token = keys.token_id(identity.signed);
        let opening = Opening { id, user, tenant: &body.tenant, vault: &vault, payload: &payload };
        self.records.require(&[
            RecordQuery::One(RecordKey::Session(id)),
            RecordQuery::One(RecordKey::Token(token)),
            RecordQuery::One(RecordKey::Device { user, device: payload.device }),
            RecordQuery::DevicesOf(user),
            RecordQuery::SessionsOf(user),
        ])?;

        let until = identity.expires_at_unix_s.saturating_add(MARK_OUTLIVES_TOKEN_S);
        let mut writes = Vec::new();
        let mark = self.mark_token(&opening, token, envelope.digest, until)?;
        // The token's mark and the session are committed together: where the one is, so is the
        // other, and only the request that made both may find them.
        let repeated = mark.is_none();
        writes.extend(mark);
        let known = self.living_devices(&vault, user)?;
        let (admission, making_room) = self.admit_device(&opening, &known)?;
        writes.extend(admission);
        let lifetime_s = payload
            .lifetime_s
            .unwrap_or(limits::SESSION_LIFETIME_S)
            .min(limits::SESSION_LIFETIME_S)
            .min(tenant.session_lifetime_s);
        let mut scopes = payload.scopes.clone();
        scopes.sort_unstable();
        scopes.dedup();
        let session = SessionRecord {
            tenant: body.tenant.clone(),
            user,
            device: payload.device,
            public_key: body.session_key.clone(),
            scopes,
            opened_at_unix_s: self.now,
            expires_at_unix_s: self.now.saturating_add(lifetime_s),
            lifetime_s,
        };
        writes.push(self.put_session(&opening, &session, repeated)?);
        let leaving = self.leaving_sessions(&opening, &known, &making_room)?;
        let removed = leaving.iter().filter(|(_, live)| *live).count() as u32;

        // Memory first: the token is used and the old sessions are over, committed or not.
        {
            let mut memory = lock(&self.core.memory);
            memory.use_token(token, envelope.digest, until, self.now)?;
            for (old, _) in leaving.iter().filter(|(_, live)| *live) {
                memory.revoke(*old, self.now)?;
            }
        }
        writes.extend(leaving.into_iter().map(|(old, _)| delete_session(old)));
        let answer = SessionOpened {
            user,
            expires_at_unix_s: session.expires_at_unix_s,
            sessions_removed: removed,
            token_unbound: identity.unbound,
            server_time_unix_s: self.now,
        };
        Ok(Done { body: envelope.answer(self.core, &answer)?, writes })
    }

    /// The tenant's vault, asking for a missing key of the deployment in the same round.
    fn both_vaults(&self, tenant: &TenantId) -> Result<Vault, Stop> {
        if self.core.deployment.get().is_none() {
            self.vaults([tenant, &TenantId::deployment()])?;
        }
        let [vault] = self.vaults([tenant])?;
        Ok(vault)
    }

    /// The write that marks the token, unless this exact request has marked it before.
    fn mark_token(
        &self,
        opening: &Opening<'_>,
        token: TokenId,
        digest: [u8; 32],
        until: u64,
    ) -> Result<Option<Write>, Stop> {
        let used = lock(&self.core.memory).token_used_by(&token, self.now);
        if used.is_some_and(|first| first != digest) {
            return Err(ProblemCode::TokenUsed.into());
        }
        let key = RecordKey::Token(token);
        let user = opening.user.as_bytes();
        if let Some(sealed) = self.records.one(&key)? {
            let opened = self.open(opening.vault, user, &key, sealed)?;
            let record = TokenRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
            if record.request_digest != digest {
                return Err(ProblemCode::TokenUsed.into());
            }
            return Ok(None);
        }
        let plaintext = TokenRecord { request_digest: digest }.encode();
        let lasting = Content::lasting(&plaintext, Row::Empty);
        let content = Content { expires_at_unix_s: Some(until), ..lasting };
        self.core.put(opening.vault, opening.user, key, None, content).map(Some)
    }

    /// The writes that register a new device, or that make the session depend on a known one's not
    /// being revoked. A known one must come with its own key. Says which make room for it.
    fn admit_device(
        &self,
        opening: &Opening<'_>,
        known: &Devices,
    ) -> Result<(Vec<Write>, BTreeSet<DeviceId>), Stop> {
        let (user, device) = (opening.user, opening.payload.device);
        if lock(&self.core.memory).is_device_revoked(user, device) {
            return Err(ProblemCode::DeviceRevoked.into());
        }
        if let Some(LoadedDevice { record, version }) = self.device(opening.vault, user, device)? {
            if record.revoked_at_unix_s.is_some() {
                return Err(ProblemCode::DeviceRevoked.into());
            }
            if record.identity_key != opening.payload.device_identity_key {
                return Err(ProblemCode::SessionProofInvalid.into());
            }
            let known = unchanged(RecordKey::Device { user, device }, version);
            return Ok((vec![known], BTreeSet::new()));
        }
        let leaving = leaving_devices(known)?;
        let mut writes = Vec::new();
        for (left, version) in &leaving {
            writes.push(delete(RecordKey::Device { user, device: *left }, *version));
        }
        let record = DeviceRecord {
            identity_key: opening.payload.device_identity_key,
            registered_at_unix_s: self.now,
            name: None,
            proved: None,
            revoked_at_unix_s: None,
        };
        writes.push(self.write_device(opening.vault, user, device, &record, None)?);
        if leaving.is_empty() {
            // Not where they come in numbers: they would bury what else is told.
            writes.push(self.event(user, device, EventKind::DeviceRegistered));
        }
        Ok((writes, leaving.into_keys().collect()))
    }

    /// The write of the session. A session key opens one session; only the exact request that
    /// opened it may come again.
    fn put_session(
        &self,
        opening: &Opening<'_>,
        session: &SessionRecord,
        repeated: bool,
    ) -> Result<Write, Stop> {
        let spent = || {
            Refusal::saying(
                ProblemCode::SessionProofInvalid,
                "a session key opens one session: make a new one",
            )
        };
        if lock(&self.core.memory).is_revoked(&opening.id, self.now) {
            return Err(spent().into());
        }
        let key = RecordKey::Session(opening.id);
        let Some(stored) = self.records.one(&key)? else {
            return self.write_session(opening.vault, opening.id, session, 1, Condition::Absent);
        };
        let hints = SessionHints::decode(stored).map_err(|_| unfit())?;
        if !repeated || hints.user != session.user || hints.tenant != session.tenant {
            return Err(spent().into());
        }
        let opened = self.open(opening.vault, session.user.as_bytes(), &key, &hints.sealed)?;
        let version = opened.version.record_version;
        let condition = Condition::Version(version);
        self.write_session(opening.vault, opening.id, session, version + 1, condition)
    }

    /// The sessions that must leave: those that are over or on a device that leaves, and the oldest
    /// beyond the limit, first those of devices that never showed a factor. Says of each whether
    /// this ends it for good: a session without its device's record is over by that, once it is
    /// committed.
    fn leaving_sessions(
        &self,
        opening: &Opening<'_>,
        known: &Devices,
        leaving_devices: &BTreeSet<DeviceId>,
    ) -> Result<Vec<(SessionKeyId, bool)>, Stop> {
        let listed = self.sessions(opening.vault, opening.tenant, opening.user)?;
        let proved = |device: &DeviceId| {
            known.get(device).is_some_and(|loaded| loaded.record.proved.is_some())
        };
        let mut leaving = Vec::new();
        let mut living = Vec::new();
        for (id, session) in listed.into_iter().filter(|(id, _)| *id != opening.id) {
            let revoked = lock(&self.core.memory).is_revoked(&id, self.now);
            let over = revoked || self.now >= session.expires_at_unix_s;
            if over || leaving_devices.contains(&session.device) {
                leaving.push((id, false));
            } else {
                living.push((proved(&session.device), session.opened_at_unix_s, id));
            }
        }
        living.sort_unstable();
        let surplus = (living.len() + 1).saturating_sub(limits::MAX_SESSIONS_PER_USER);
        leaving.extend(living.into_iter().take(surplus).map(|(_, _, id)| (id, true)));
        Ok(leaving)
    }
}

/// The devices that make room for a new one where there are too many, with their versions: the
/// oldest that never showed a factor. Otherwise whoever has a token could register devices until the
/// user's next one is refused. They are forgotten and not revoked: one that comes back is new.
fn leaving_devices(known: &Devices) -> Result<BTreeMap<DeviceId, u64>, Stop> {
    let surplus = (known.len() + 1).saturating_sub(limits::MAX_DEVICES_PER_USER);
    let mut unproved: Vec<_> = known
        .iter()
        .filter(|(_, loaded)| loaded.record.proved.is_none())
        .map(|(id, loaded)| (loaded.record.registered_at_unix_s, *id, loaded.version))
        .collect();
    unproved.sort_unstable();
    if surplus > 0 && unproved.is_empty() {
        return Err(Refusal::saying(ProblemCode::TooMany, "revoke a device first").into());
    }
    let leaving = unproved.into_iter().take(surplus.min(MAX_LEAVING));
    Ok(leaving.map(|(_, id, version)| (id, version)).collect())
}

/// Session key and device identity key both sign this encapsulation's exported value.
fn check_proofs(
    envelope: &Envelope,
    public_key: &SessionPublicKey,
    payload: &OpenSession,
) -> Result<(), ProblemCode> {
    let invalid = ProblemCode::SessionProofInvalid;
    let proof: [u8; 64] = payload.proof.as_slice().try_into().map_err(|_| invalid)?;
    public_key
        .verify_possession(&envelope.pop, &SessionProof::from_bytes(proof))
        .map_err(|_| invalid)?;
    let device = VerifyingKey::from_bytes(&payload.device_identity_key).map_err(|_| invalid)?;
    let signature = Signature::from_slice(&payload.device_proof).map_err(|_| invalid)?;
    let message = [DEVICE_PROOF_LABEL, envelope.pop.as_bytes()].concat();
    device.verify_strict(&message, &signature).map_err(|_| invalid)
}
