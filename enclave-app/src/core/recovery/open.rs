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
        let current = self.recovery(&caller)?.ok_or(ProblemCode::NotFound)?;
        let mut wraps = Vec::new();
        for (factor, (record, _)) in self.factors(&caller)? {
            if let FactorRecord::Registered(registered) = record
                && matches!(registered.lock, FactorLock::Key)
            {
                let wrapped_seed = registered.wrapped_seed;
                wraps.push(OpenWrap { factor, kind: registered.kind, wrapped_seed });
            }
        }
        let statements = vec![ByteBuf::from(current.record.statement)];
        let body = envelope.answer(self.core, &RecoveryOpened { statements, wraps })?;
        Ok(Done { body, writes: vec![] })
    }
}
