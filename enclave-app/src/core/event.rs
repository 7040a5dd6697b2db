use super::Request;
use rand_core::RngCore;
use serde_bytes::ByteBuf;
use sharekeep_schemas::enclave::{Condition, EventRow, Put, RecordKey, Row, Write};
use sharekeep_schemas::limits::EVENT_LIFETIME_S;
use sharekeep_schemas::{DeviceId, EventId, EventKind, UserId};

impl Request<'_> {
    /// An id for an event of now.
    pub(super) fn event_id(&self) -> EventId {
        let mut id = [0; EventId::LEN];
        self.core.rng().fill_bytes(&mut id);
        id[..8].copy_from_slice(&self.now.to_be_bytes());
        EventId::new(id)
    }

    /// The write that tells the user's other devices.
    pub(super) fn event(&self, user: UserId, device: DeviceId, kind: EventKind) -> Write {
        self.event_with(self.event_id(), user, device, kind)
    }

    /// The same under a given id; written again it changes nothing.
    pub(super) fn event_with(
        &self,
        event: EventId,
        user: UserId,
        device: DeviceId,
        kind: EventKind,
    ) -> Write {
        Write {
            key: RecordKey::Event { user, event },
            condition: Condition::Any,
            put: Some(Put {
                version: 1,
                bytes: ByteBuf::new(),
                row: Row::Event(EventRow { event, kind, device, at_unix_s: self.now }),
                expires_at_unix_s: Some(self.now.saturating_add(EVENT_LIFETIME_S)),
            }),
        }
    }
}
