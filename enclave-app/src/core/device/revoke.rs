use crate::core::stop::{Done, Refusal, Stop};
use crate::core::{Request, lock};
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::limits::NEW_DEVICE_S;
use sharekeep_schemas::sealed::{DeviceChanged, Plain};
use sharekeep_schemas::{DeviceId, EventKind, ProblemCode, Scope};
use std::collections::BTreeSet;

impl Request<'_> {
    /// Revokes another of the user's devices and ends its sessions. It keeps its shares, and with
    /// them it can do nothing: to come back as a new device it needs a factor.
    ///
    /// Once there are factors, only a device that has shown one may: a stolen token is not enough to
    /// lock its user out. A device without declares others lost when it restores.
    pub(in crate::core) fn revoke_device(&self, device: DeviceId) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        caller.require(Scope::Manage)?;
        let envelope = self.open_body(&caller)?;
        envelope.payload::<Plain>()?;
        if device == caller.session.device {
            let detail = "a device cannot revoke itself: revoke its session";
            return Err(Refusal::saying(ProblemCode::MalformedRequest, detail).into());
        }
        let user = caller.session.user;
        self.records.require(&[
            RecordQuery::One(RecordKey::Device { user, device }),
            RecordQuery::One(RecordKey::Recovery(user)),
            RecordQuery::SessionsOf(user),
        ])?;
        let current = self.recovery(&caller)?;
        self.require_proved(&caller, current.as_ref())?;
        let loaded = self.device(&caller.vault, user, device)?.ok_or(ProblemCode::NotFound)?;
        let new = self.now < loaded.record.registered_at_unix_s.saturating_add(NEW_DEVICE_S);
        if current.is_some() && loaded.record.proved.is_none() && new {
            // A thief with the old device and a token would end each new one of the user's before
            // it has shown a factor.
            let detail = "it is new: a device that restores can declare it lost";
            return Err(Refusal::saying(ProblemCode::FactorNeeded, detail).into());
        }
        let lost = BTreeSet::from([device]);
        let (sessions, mut writes) = self.sessions_on(&caller, &lost)?;
        writes.push(self.own_unchanged(&caller));
        if loaded.record.revoked_at_unix_s.is_none() {
            writes.push(self.write_revoked(&caller.vault, user, device, &loaded)?);
            writes.push(self.event(user, caller.session.device, EventKind::DeviceRevoked));
        }
        // Memory first: it is over, committed or not.
        let mut memory = lock(&self.core.memory);
        for session in sessions {
            memory.revoke(session, self.now)?;
        }
        memory.revoke_device(user, device);
        drop(memory);
        let body = envelope.answer(self.core, &DeviceChanged { device, revoked: true })?;
        Ok(Done { body, writes })
    }
}
