use super::item::{is_over, row_of};
use super::owned::{MAX_STORE_PAGES, Owned};
use super::{Cursor, Store, fault_of, text, text_of};
use crate::error::{Error, Result};
use sharekeep_schemas::UserId;
use sharekeep_schemas::enclave::{
    BackupRow, DeviceRow, EventRow, FactorRow, Row, SessionRow, WalletRow,
};

/// A row that is listed page by page.
pub trait Listed: Sized + Send {
    /// Of which records.
    const OWNED: Owned;
    /// Whether the list begins at its end: sort keys that grow with time.
    const NEWEST_FIRST: bool = false;

    /// The row, if it is one of these.
    fn of(row: Row) -> Option<Self>;
}

macro_rules! listed {
    ($($row:ident, $variant:ident, $owned:ident, $newest_first:literal;)+) => {
        $(impl Listed for $row {
            const OWNED: Owned = Owned::$owned;
            const NEWEST_FIRST: bool = $newest_first;

            fn of(row: Row) -> Option<Self> {
                match row {
                    Row::$variant(row) => Some(row),
                    _ => None,
                }
            }
        })+
    };
}

listed! {
    WalletRow, Wallet, Wallets, false;
    BackupRow, Backup, Backups, false;
    FactorRow, Factor, Factors, false;
    DeviceRow, Device, Devices, false;
    EventRow, Event, Events, true;
}

/// Some of a user's rows.
pub struct RowPage<T> {
    /// The rows, in the order of their sort keys.
    pub rows: Vec<T>,
    /// Where the next page starts; none on the last.
    pub next: Option<Cursor>,
}

impl Store {
    /// A page of at most `limit` of a user's rows. Records that are over, or whose row is empty,
    /// are left out; a page can be short of the limit, and even empty, before the last.
    pub async fn page_of<T: Listed>(
        &self,
        user: &UserId,
        limit: u16,
        after: Option<Cursor>,
        now_unix_s: u64,
    ) -> Result<RowPage<T>> {
        let place = |sort: String| {
            super::item::Item::from([
                ("pk".to_owned(), text(user.to_string())),
                ("sk".to_owned(), text(sort)),
            ])
        };
        let after = after.map(|cursor| cursor.within(T::OWNED)).transpose()?;
        let mut start = after.map(place);
        let mut rows = Vec::new();
        let mut last = None;
        // The store ends an answer where it has read 1 MB, sealed bytes included.
        for _ in 0..MAX_STORE_PAGES {
            let answer = self
                .query_of(T::OWNED, user)
                .projection_expression("sk, #row, expires_at")
                .expression_attribute_names("#row", "row")
                // One more than asked for tells whether there is a next page.
                .limit(i32::from(limit) + 1)
                .scan_index_forward(!T::NEWEST_FIRST)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| fault_of(&error))?;
            for item in answer.items() {
                let row = match row_of(item)? {
                    Row::Empty => continue,
                    _ if is_over(item, now_unix_s) => continue,
                    row => row,
                };
                if rows.len() == usize::from(limit) {
                    return Ok(RowPage { rows, next: last.map(Cursor) });
                }
                rows.push(T::of(row).ok_or(Error::StoreBroken("a row of another kind".into()))?);
                last = text_of(item, "sk").map(str::to_owned);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(RowPage { rows, next: None });
            }
        }
        let next =
            start.and_then(|start| text_of(&start, "sk").map(|sort| Cursor(sort.to_owned())));
        Ok(RowPage { rows, next })
    }

    /// The sessions of a user that are not over, the oldest first.
    pub async fn sessions_of(&self, user: &UserId, now_unix_s: u64) -> Result<Vec<SessionRow>> {
        let mut sessions = Vec::new();
        for item in self.session_items_of(user, now_unix_s).await? {
            match row_of(&item)? {
                Row::Session(session) => sessions.push(session),
                _ => return Err(Error::StoreBroken("a session without its row".into())),
            }
        }
        sessions.sort_by_key(|session| (session.created_at_unix_s, session.session));
        Ok(sessions)
    }
}
