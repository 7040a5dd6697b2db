use crate::core::Request;
use crate::core::stop::{Done, Stop};
use crate::record::{FactorLock, FactorRecord};
use serde_bytes::ByteBuf;
use sharekeep_schemas::enclave::{RecordKey, RecordQuery};
use sharekeep_schemas::sealed::{OpenWrap, Plain, RecoveryOpened};
use sharekeep_schemas::{ProblemCode, Scope};

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
        let mut factors = self.factors(&caller)?;
        for listed in current.iter().flat_map(|current| &current.record.set.factors) {
            let found = factors.remove(&listed.id);
            let Some((FactorRecord::Registered(registered), _)) = found else {
                return Err(ProblemCode::Conflict.into());
            };
            self.require_listed(current.as_ref(), listed.id, &registered)?;
            if matches!(registered.lock, FactorLock::Key) {
                let (factor, kind) = (listed.id, registered.kind);
                wraps.push(OpenWrap { factor, kind, wrapped_seed: registered.wrapped_seed });
            }
        }
        // None is said under seal too: by it a device decides that recovery may be set up.
        let statements = current.map(|current| ByteBuf::from(current.record.statement));
        let statements = statements.into_iter().collect();
        let body = envelope.answer(self.core, &RecoveryOpened { statements, wraps })?;
        Ok(Done { body, writes: vec![] })
    }
}
