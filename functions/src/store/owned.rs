use super::item::{Item, is_over, row_of, sealed_of};
use super::{Store, fault_of, text, text_of};
use crate::error::{Error, Result};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use sharekeep_schemas::enclave::{RecordKey, Row, StoredRecord};
use sharekeep_schemas::limits::{MAX_ENCLAVE_CALL_BYTES, MAX_RECORDS_PER_QUERY};
use sharekeep_schemas::{ProblemCode, UserId};

/// Most answers of the store that one list is put together from. One holds up to 1 MB.
pub(super) const MAX_STORE_PAGES: usize = 16;

/// Records that a user has many of: those of one partition whose sort keys begin alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owned {
    /// Wallets.
    Wallets,
    /// Backups.
    Backups,
    /// Factors.
    Factors,
    /// Devices.
    Devices,
    /// Events.
    Events,
}

impl Owned {
    fn table(self) -> &'static str {
        match self {
            Self::Wallets => "wallets",
            Self::Backups => "backups",
            Self::Factors => "factors",
            Self::Devices => "devices",
            Self::Events => "events",
        }
    }

    /// What the sort keys begin with. Other records of the user may lie in the same partition.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Wallets | Self::Backups | Self::Events => "",
            Self::Factors => "factor#",
            Self::Devices => "device#",
        }
    }

    fn leaves_out(self, item: &Item) -> Result<bool> {
        match self {
            Self::Factors => Ok(is_unlisted(item)),
            Self::Devices => {
                Ok(matches!(row_of(item)?, Row::Device(row) if row.revoked_at_unix_s.is_some()))
            }
            Self::Wallets | Self::Backups | Self::Events => Ok(false),
        }
    }

    /// The record with this sort key.
    fn key(self, user: UserId, sort: &str) -> Option<RecordKey> {
        let id = sort.strip_prefix(self.prefix())?;
        match self {
            Self::Wallets => Some(RecordKey::Wallet { user, wallet: id.parse().ok()? }),
            Self::Backups => Some(RecordKey::Backup { user, wallet: id.parse().ok()? }),
            Self::Factors => Some(RecordKey::Factor { user, factor: id.parse().ok()? }),
            Self::Devices => Some(RecordKey::Device { user, device: id.parse().ok()? }),
            // No enclave loads them: an event is a row and nothing else.
            Self::Events => None,
        }
    }
}

impl Store {
    /// The query for a user's records of one kind, strongly consistent: what was committed before
    /// is in it.
    pub(super) fn query_of(&self, owned: Owned, user: &UserId) -> QueryFluentBuilder {
        let query = self
            .client
            .query()
            .table_name(self.table(owned.table()))
            .consistent_read(true)
            .expression_attribute_values(":pk", text(user.to_string()));
        match owned.prefix() {
            "" => query.key_condition_expression("pk = :pk"),
            prefix => query
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", text(prefix)),
        }
    }

    /// All of a user's records of one kind, for an enclave: all, or the request is refused.
    ///
    /// Left out is what whoever is signed in as the user can have made in any number: decoys of
    /// factors, and revoked devices.
    pub(super) async fn records_of(
        &self,
        owned: Owned,
        user: &UserId,
        now_unix_s: u64,
    ) -> Result<Vec<StoredRecord>> {
        let too_many = || match owned {
            Owned::Backups => Error::refused_with(
                ProblemCode::TooMany,
                "delete the backups of archived wallets first",
            ),
            _ => Error::refused(ProblemCode::TooMany),
        };
        let (mut records, mut bytes, mut start) = (Vec::new(), 0, None);
        for _ in 0..MAX_STORE_PAGES {
            let answer = self
                .query_of(owned, user)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| fault_of(&error))?;
            for item in answer.items() {
                if is_over(item, now_unix_s) || owned.leaves_out(item)? {
                    continue;
                }
                let key = text_of(item, "sk")
                    .and_then(|sort| owned.key(*user, sort))
                    .ok_or(Error::StoreBroken("a record under a key that is none".into()))?;
                let sealed = sealed_of(item)?;
                bytes += sealed.len();
                records.push(StoredRecord { key, bytes: sealed });
                if records.len() > MAX_RECORDS_PER_QUERY || bytes > MAX_ENCLAVE_CALL_BYTES {
                    return Err(too_many());
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(records);
            }
        }
        Err(too_many())
    }
}

/// Whether the record's row is empty, which keeps it out of listings.
fn is_unlisted(item: &Item) -> bool {
    text_of(item, "row") == Some("empty")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sharekeep_schemas::enclave::Put;
    use sharekeep_schemas::{DeviceId, EventId, FactorId, WalletId};

    #[test]
    fn a_list_has_the_place_of_its_records() {
        let user = UserId::new([1; 32]);
        let wallet = WalletId::new([2; 16]);
        for (owned, key) in [
            (Owned::Wallets, RecordKey::Wallet { user, wallet }),
            (Owned::Backups, RecordKey::Backup { user, wallet }),
            (Owned::Factors, RecordKey::Factor { user, factor: FactorId::new([3; 16]) }),
            (Owned::Devices, RecordKey::Device { user, device: DeviceId::new([4; 16]) }),
        ] {
            assert_eq!(owned.table(), key.table());
            assert_eq!(owned.key(user, &key.sort()), Some(key));
        }
        let event = RecordKey::Event { user, event: EventId::new([5; 16]) };
        assert_eq!(Owned::Events.table(), event.table());
        assert!(event.sort().starts_with(Owned::Events.prefix()));
        let draft = RecordKey::PasscodeDraft { user, factor: FactorId::new([3; 16]) };
        assert_eq!(Owned::Factors.key(user, &draft.sort()), None);
    }

    #[test]
    fn a_record_with_an_empty_row_is_seen_as_unlisted() {
        let put =
            Put { version: 1, bytes: Default::default(), row: Row::Empty, expires_at_unix_s: None };
        let item = super::super::item::item_of(&RecordKey::DeploymentKeys, &put);
        assert!(is_unlisted(&item.unwrap()));
    }
}
