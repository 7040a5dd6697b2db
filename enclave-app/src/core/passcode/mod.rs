//! Passcodes: OPAQUE with the enclave as server, and the limit on guesses.

mod finish;
mod guess;
mod register;

use super::Request;
use super::authenticate::Caller;
use super::records::unfit;
use super::stop::Stop;
use super::write::Content;
use crate::record::FactorRecord;
use sharekeep_recovery::passcode::{PasscodeBinding, Stretching};
use sharekeep_schemas::FactorId;
use sharekeep_schemas::enclave::{RecordKey, Write};

/// How long a decoy's count is kept, in seconds.
const DECOY_LIFETIME_S: u64 = 86_400;

/// What a passcode is bound to.
fn binding<'a>(caller: &'a Caller, factor: FactorId) -> PasscodeBinding<'a> {
    PasscodeBinding {
        tenant: &caller.session.tenant,
        user: &caller.session.user,
        factor,
        stretching: Stretching::default(),
    }
}

impl Request<'_> {
    /// One of the caller's factor records, a decoy too, with its version.
    pub(super) fn factor(
        &self,
        caller: &Caller,
        factor: FactorId,
    ) -> Result<Option<(FactorRecord, u64)>, Stop> {
        let key = RecordKey::Factor { user: caller.session.user, factor };
        let Some(opened) = self.opened(caller, &key)? else { return Ok(None) };
        let record = FactorRecord::decode(&opened.plaintext).map_err(|_| unfit())?;
        Ok(Some((record, opened.version.record_version)))
    }

    /// The same of a factor that is guessed at: a registered one must be as the user's list says.
    fn guessed_factor(
        &self,
        caller: &Caller,
        factor: FactorId,
    ) -> Result<Option<(FactorRecord, u64)>, Stop> {
        let loaded = self.factor(caller, factor)?;
        let current = self.recovery(caller)?;
        if let Some((FactorRecord::Registered(registered), _)) = &loaded {
            self.require_listed(current.as_ref(), factor, registered)?;
        }
        Ok(loaded)
    }

    fn write_factor(
        &self,
        caller: &Caller,
        factor: FactorId,
        record: &FactorRecord,
        stored: Option<u64>,
    ) -> Result<Write, Stop> {
        let key = RecordKey::Factor { user: caller.session.user, factor };
        let plaintext = record.encode().map_err(|_| unfit())?;
        let decoy = matches!(record, FactorRecord::Decoy(_));
        let content = Content {
            expires_at_unix_s: decoy.then(|| self.now.saturating_add(DECOY_LIFETIME_S)),
            ..Content::lasting(&plaintext, record.row(factor))
        };
        self.put(caller, key, stored, content)
    }
}
