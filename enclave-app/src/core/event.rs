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

    /// The same under a given id, of the time that the id was made: written again it changes nothing, and
    /// events are listed in the order of their ids.
    pub(super) fn event_with(
        &self,
        event: EventId,
        user: UserId,
        device: DeviceId,
        kind: EventKind,
    ) -> Write {
        let at_unix_s = time_of(&event);
        Write {
            key: RecordKey::Event { user, event },
            condition: Condition::Any,
            put: Some(Put {
                version: 1,
                bytes: ByteBuf::new(),
                row: Row::Event(EventRow { event, kind, device, at_unix_s }),
                expires_at_unix_s: Some(at_unix_s.saturating_add(EVENT_LIFETIME_S)),
            }),
        }
    }
}

/// When an id of [`Request::event_id`] was made.
fn time_of(event: &EventId) -> u64 {
    let mut seconds = [0; 8];
    seconds.copy_from_slice(&event.as_bytes()[..8]);
    u64::from_be_bytes(seconds)
}
