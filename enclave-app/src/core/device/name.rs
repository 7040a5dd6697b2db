use crate::core::Request;
use crate::core::stop::{Done, Refusal, Stop};
use crate::record::DeviceRecord;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::limits::MAX_DEVICE_NAME_BYTES;
use sharekeep_schemas::sealed::{DeviceChanged, NameDevice};
use sharekeep_schemas::{DeviceId, ProblemCode, Scope};

impl Request<'_> {
    /// Names one of the user's devices.
    pub(in crate::core) fn name_device(&self, device: DeviceId) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        caller.require(Scope::Manage)?;
        let envelope = self.open_body(&caller)?;
        let NameDevice { name, .. } = envelope.payload()?;
        let printable = !name.trim().is_empty() && !name.chars().any(char::is_control);
        if name.len() > MAX_DEVICE_NAME_BYTES || !printable {
            let detail = "a name has 1 to 64 bytes and no control characters";
            return Err(Refusal::saying(ProblemCode::MalformedRequest, detail).into());
        }
        let user = caller.session.user;
        self.records.require(&[
            RecordQuery::One(RecordKey::Device { user, device }),
            RecordQuery::One(RecordKey::Recovery(user)),
        ])?;
        if device != caller.session.device {
            // A name is what a user goes by when asked which device is lost.
            self.require_proved(&caller, self.recovery(&caller)?.as_ref())?;
        }
        let loaded = self.device(&caller.vault, user, device)?.ok_or(ProblemCode::NotFound)?;
        let revoked = loaded.record.revoked_at_unix_s.is_some();
        let record = DeviceRecord { name: Some(name), ..loaded.record };
        let writes =
            vec![self.write_device(&caller.vault, user, device, &record, Some(loaded.version))?];
        let body = envelope.answer(self.core, &DeviceChanged { device, revoked })?;
        Ok(Done { body, writes })
    }
}
