//! The user's devices, and what happened on them.

use crate::ceremony::SignedIn;
use crate::home::Session;
use crate::{Client, Error, Result};
use sharekeep_schemas::DeviceId;
use sharekeep_schemas::http::{DeviceView, EventView};
use sharekeep_schemas::limits::MAX_DEVICE_NAME_BYTES;
use sharekeep_schemas::sealed::{DeviceChanged, NameDevice, Plain, VERSION};

impl Client {
    /// The user's devices, as the store's routing columns show them.
    ///
    /// # Errors
    /// [`Error::Refused`], among others.
    pub async fn list_devices(&self, session: &Session) -> Result<Vec<DeviceView>> {
        self.list(session, "/v1/devices").await
    }

    /// What a user's devices should know of each other, newest first. A help, never believed.
    ///
    /// # Errors
    /// [`Error::Refused`], among others.
    pub async fn list_events(&self, session: &Session) -> Result<Vec<EventView>> {
        self.list(session, "/v1/events").await
    }
}

impl SignedIn<'_> {
    /// Names a device.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is empty, too long or unprintable.
    pub async fn name_device(&self, device: DeviceId, name: &str) -> Result<()> {
        let fits = (1..=MAX_DEVICE_NAME_BYTES).contains(&name.len());
        if !fits || name.chars().any(char::is_control) {
            let message = format!("a name has 1 to {MAX_DEVICE_NAME_BYTES} printable bytes");
            return Err(Error::Usage(message));
        }
        let path = format!("/v1/devices/{device}/name");
        let payload = NameDevice { version: VERSION, name: name.to_owned() };
        let changed: DeviceChanged = self.client().ask(self.session(), &path, &payload).await?;
        if changed.device == device { Ok(()) } else { Err(Error::Disagreement("device")) }
    }

    /// Revokes a device and its sessions. What it holds is worth nothing without the enclave.
    ///
    /// # Errors
    /// [`Error::Refused`] if there is no such device.
    pub async fn revoke_device(&self, device: DeviceId) -> Result<()> {
        let path = format!("/v1/devices/{device}/revoke");
        let changed: DeviceChanged =
            self.client().ask(self.session(), &path, &Plain::default()).await?;
        if changed.device == device && changed.revoked {
            Ok(())
        } else {
            Err(Error::Disagreement("device"))
        }
    }
}
