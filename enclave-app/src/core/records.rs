use super::stop::{Refusal, Stop};
use sharekeep_schemas::ProblemCode;
use sharekeep_schemas::enclave::{LoadedRecord, RecordKey, RecordQuery, StoredRecord};

/// What the function handed over. Nothing in it is believed before it is opened.
pub(super) struct Records<'a> {
    loaded: &'a [LoadedRecord],
}

impl<'a> Records<'a> {
    pub(super) fn new(loaded: &'a [LoadedRecord]) -> Self {
        Self { loaded }
    }

    /// Asks for all the missing ones of these at once.
    pub(super) fn require(&self, queries: &[RecordQuery]) -> Result<(), Stop> {
        let missing: Vec<_> =
            queries.iter().filter(|query| self.find(query).is_none()).cloned().collect();
        if missing.is_empty() { Ok(()) } else { Err(Stop::Need(missing)) }
    }

    /// One record's bytes, or none where the function says that there is none.
    pub(super) fn one(&self, key: &RecordKey) -> Result<Option<&'a [u8]>, Stop> {
        match self.all(&RecordQuery::One(key.clone()))? {
            [] => Ok(None),
            [record] if record.key == *key => Ok(Some(&record.bytes)),
            _ => Err(unfit()),
        }
    }

    /// All records of a query.
    pub(super) fn all(&self, query: &RecordQuery) -> Result<&'a [StoredRecord], Stop> {
        self.find(query).map_or_else(|| Err(Stop::Need(vec![query.clone()])), Ok)
    }

    fn find(&self, query: &RecordQuery) -> Option<&'a [StoredRecord]> {
        let record = self.loaded.iter().find(|record| record.query == *query)?;
        Some(&record.found)
    }
}

/// A record that is not the one asked for, or does not open.
pub(super) fn unfit() -> Stop {
    Refusal::from(ProblemCode::RecordRefused).into()
}
