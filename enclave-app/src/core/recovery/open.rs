use crate::core::Request;
use crate::core::stop::{Done, Stop};
use crate::record::FactorLock;
use serde_bytes::ByteBuf;
use sharekeep_schemas::Scope;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::sealed::{OpenWrap, Plain, RecoveryOpened};

impl Request<'_> {
    /// Gives the signed list of factors and the sealed seeds that no passcode guards.
    pub(in crate::core) fn open_recovery(&self) -> Result<Done, Stop> {
        let caller = self.authenticate()?;
        caller.require(Scope::Read)?;
        let envelope = self.open_body(&caller)?;
        envelope.payload::<Plain>()?;
        let user = caller.session.user;
        self.records.require(&[
            RecordQuery::One(RecordKey::Recovery(user)),
            RecordQuery::FactorsOf(user),
        ])?;
        let current = self.recovery(&caller)?;
        let mut wraps = Vec::new();
        for (factor, registered) in self.listed_factors(&caller, current.as_ref())? {
            if matches!(registered.lock, FactorLock::Key) {
                let wrapped_seed = registered.wrapped_seed;
                wraps.push(OpenWrap { factor, kind: registered.kind, wrapped_seed });
            }
        }
        // None is said under seal too: by it a device decides that recovery may be set up.
        let statements = current.map(|current| ByteBuf::from(current.record.statement));
        let statements = statements.into_iter().collect();
        let body = envelope.answer(self.core, &RecoveryOpened { statements, wraps })?;
        Ok(Done { body, writes: vec![] })
    }
}
