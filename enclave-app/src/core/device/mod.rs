//! The user's devices.

mod name;
mod revoke;

use super::Request;
use super::authenticate::Caller;
use super::records::unfit;
use super::stop::{Refusal, Stop};
use super::vault::Vault;
use super::write::Content;
use crate::record::DeviceRecord;
use sharekeep_channel::record_seal::OpenedRecord;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery, Write};
use sharekeep_schemas::limits::MAX_DEVICES_PER_USER;
use sharekeep_schemas::{DeviceId, ProblemCode, UserId};
use std::collections::BTreeMap;

/// A device as the store holds it.
pub(super) struct LoadedDevice {
    pub(super) record: DeviceRecord,
    pub(super) version: u64,
}

impl LoadedDevice {
    pub(super) fn read(opened: &OpenedRecord) -> Result<Self, Stop> {
        let record = DeviceRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
        Ok(Self { record, version: opened.version.record_version })
    }
}

impl Request<'_> {
    /// One of the caller's devices.
    fn device(&self, caller: &Caller, device: DeviceId) -> Result<LoadedDevice, Stop> {
        let key = RecordKey::Device { user: caller.session.user, device };
        LoadedDevice::read(&self.opened(caller, &key)?.ok_or(ProblemCode::NotFound)?)
    }

    /// All devices of a user, revoked ones too.
    pub(super) fn devices(
        &self,
        vault: &Vault,
        mine: UserId,
    ) -> Result<BTreeMap<DeviceId, LoadedDevice>, Stop> {
        let mut devices = BTreeMap::new();
        for stored in self.records.all(&RecordQuery::DevicesOf(mine))? {
            let RecordKey::Device { user, device } = stored.key else { return Err(unfit()) };
            if user != mine {
                return Err(unfit());
            }
            let opened = self.open(vault, mine.as_bytes(), &stored.key, &stored.bytes)?;
            devices.insert(device, LoadedDevice::read(&opened)?);
        }
        Ok(devices)
    }

    /// Refuses one more device than a user may have.
    pub(super) fn refuse_more_devices(&self, vault: &Vault, user: UserId) -> Result<(), Stop> {
        let devices = self.devices(vault, user)?;
        let living = devices.values().filter(|d| d.record.revoked_at_unix_s.is_none()).count();
        if living < MAX_DEVICES_PER_USER {
            return Ok(());
        }
        Err(Refusal::saying(ProblemCode::TooMany, "revoke a device first").into())
    }

    pub(super) fn write_device(
        &self,
        vault: &Vault,
        user: UserId,
        device: DeviceId,
        record: &DeviceRecord,
        stored: Option<u64>,
    ) -> Result<Write, Stop> {
        let key = RecordKey::Device { user, device };
        let plaintext = record.encode();
        let content = Content::lasting(&plaintext, record.row(device));
        self.core.put(vault, user, key, stored, content)
    }
}
