//! The user's devices.

mod name;
mod revoke;

use super::Request;
use super::authenticate::Caller;
use super::records::unfit;
use super::recovery::Current;
use super::stop::{Refusal, Stop};
use super::vault::Vault;
use super::write::{Content, unchanged};
use crate::record::DeviceRecord;
use sharekeep_channel::record_seal::OpenedRecord;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery, Write};
use sharekeep_schemas::limits::MAX_PROVED_DEVICES_PER_USER;
use sharekeep_schemas::{DeviceId, ProblemCode, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// A device as the store holds it.
pub(super) struct LoadedDevice {
    pub(super) record: DeviceRecord,
    pub(super) version: u64,
}

/// A user's devices.
pub(super) type Devices = BTreeMap<DeviceId, LoadedDevice>;

/// What becomes of the mark of a device that showed a factor.
pub(super) enum Noted {
    /// It was marked; nothing changes.
    Before(Write),
    /// It is marked by this.
    Now(Write),
}

impl LoadedDevice {
    pub(super) fn read(opened: &OpenedRecord) -> Result<Self, Stop> {
        let record = DeviceRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
        Ok(Self { record, version: opened.version.record_version })
    }
}

impl Request<'_> {
    /// One of a user's devices, a revoked one too.
    pub(super) fn device(
        &self,
        vault: &Vault,
        user: UserId,
        device: DeviceId,
    ) -> Result<Option<LoadedDevice>, Stop> {
        let key = RecordKey::Device { user, device };
        let Some(sealed) = self.records.one(&key)? else { return Ok(None) };
        let opened = self.open(vault, user.as_bytes(), &key, sealed)?;
        LoadedDevice::read(&opened).map(Some)
    }

    /// The devices of a user that are not revoked, as far as the store shows them.
    pub(super) fn living_devices(&self, vault: &Vault, mine: UserId) -> Result<Devices, Stop> {
        let mut devices = Devices::new();
        for stored in self.records.all(&RecordQuery::DevicesOf(mine))? {
            let RecordKey::Device { user, device } = stored.key else { return Err(unfit()) };
            if user != mine {
                return Err(unfit());
            }
            let opened = self.open(vault, mine.as_bytes(), &stored.key, &stored.bytes)?;
            let loaded = LoadedDevice::read(&opened)?;
            if loaded.record.revoked_at_unix_s.is_none() {
                devices.insert(device, loaded);
            }
        }
        Ok(devices)
    }

    /// Notes that the asking device showed a factor, or makes all depend on its not being revoked
    /// meanwhile. Needs the list of devices where it was not noted before.
    ///
    /// The caller writes the recovery record in the same transaction where this is new: two devices
    /// at once must not both be the last that there is room for.
    pub(super) fn note_proved(
        &self,
        caller: &Caller,
        recovery: [u8; 16],
        leaving: &BTreeSet<DeviceId>,
    ) -> Result<Noted, Stop> {
        let (user, device) = (caller.session.user, caller.session.device);
        let LoadedDevice { record, version } = &caller.device;
        if record.proved == Some(recovery) {
            return Ok(Noted::Before(self.own_unchanged(caller)));
        }
        let others = self.living_devices(&caller.vault, user)?;
        let proved = |(id, other): &(&DeviceId, &LoadedDevice)| {
            other.record.proved.is_some() && !leaving.contains(id)
        };
        if others.iter().filter(proved).count() >= MAX_PROVED_DEVICES_PER_USER {
            let detail = "too many devices: revoke one, or restore and say which are lost";
            return Err(Refusal::saying(ProblemCode::TooMany, detail).into());
        }
        let record = DeviceRecord { proved: Some(recovery), ..record.clone() };
        let write = self.write_device(&caller.vault, user, device, &record, Some(*version))?;
        Ok(Noted::Now(write))
    }

    /// Makes a commit depend on the asking device's not being revoked meanwhile.
    pub(super) fn own_unchanged(&self, caller: &Caller) -> Write {
        let (user, device) = (caller.session.user, caller.session.device);
        unchanged(RecordKey::Device { user, device }, caller.device.version)
    }

    /// Refuses a device that never showed a factor of the user's, where there are any: it may be a
    /// thief's, who has a token and nothing else.
    pub(super) fn require_proved(
        &self,
        caller: &Caller,
        current: Option<&Current>,
    ) -> Result<(), Stop> {
        match current {
            Some(current) if caller.device.record.proved != Some(current.record.id) => {
                Err(ProblemCode::FactorNeeded.into())
            }
            _ => Ok(()),
        }
    }

    /// The write that keeps a device out whose record is not there: it made room for another, or
    /// somebody hides it.
    pub(super) fn write_barred(
        &self,
        vault: &Vault,
        user: UserId,
        device: DeviceId,
    ) -> Result<Write, Stop> {
        let barred = DeviceRecord {
            identity_key: [0; 32],
            registered_at_unix_s: self.now,
            name: None,
            proved: None,
            revoked_at_unix_s: Some(self.now),
        };
        self.write_device(vault, user, device, &barred, None)
    }

    /// The write that revokes a device.
    pub(super) fn write_revoked(
        &self,
        vault: &Vault,
        user: UserId,
        device: DeviceId,
        loaded: &LoadedDevice,
    ) -> Result<Write, Stop> {
        let revoked_at_unix_s = Some(self.now);
        let record = DeviceRecord { revoked_at_unix_s, ..loaded.record.clone() };
        self.write_device(vault, user, device, &record, Some(loaded.version))
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
