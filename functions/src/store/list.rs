use super::item::row_of;
use super::{Store, WalletCursor, fault_of, text};
use crate::error::{Error, Result};
use sharekeep_schemas::UserId;
use sharekeep_schemas::enclave::{RecordKey, Row, SessionRow, WalletRow};

/// Some of a user's wallets.
pub struct WalletPage {
    /// The wallets, in the order of their ids.
    pub wallets: Vec<WalletRow>,
    /// Where the next page starts; none on the last.
    pub next: Option<WalletCursor>,
}

impl Store {
    /// A page of a user's wallets.
    pub async fn wallets_of(
        &self,
        user: &UserId,
        limit: u16,
        after: Option<WalletCursor>,
    ) -> Result<WalletPage> {
        let start = after.map(|WalletCursor(wallet)| {
            super::item::primary_key(&RecordKey::Wallet { user: *user, wallet })
        });
        let answer = self
            .client
            .query()
            .table_name(self.table("wallets"))
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(user.to_string()))
            .projection_expression("#row")
            .expression_attribute_names("#row", "row")
            // One more than asked for tells whether there is a next page.
            .limit(i32::from(limit) + 1)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| fault_of(&error))?;
        let mut wallets = Vec::new();
        for item in answer.items() {
            match row_of(item)? {
                Row::Wallet(wallet) => wallets.push(wallet),
                _ => return Err(Error::StoreBroken("a wallet without its row".into())),
            }
        }
        let more = wallets.len() > usize::from(limit);
        wallets.truncate(usize::from(limit));
        let next = if more { wallets.last().map(|last| WalletCursor(last.wallet)) } else { None };
        Ok(WalletPage { wallets, next })
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
