//! Receipts: the enclave's signed word on where a wallet stands, and the memory that catches an
//! older word.

use crate::{Client, Error, Result};
use sharekeep_channel::receipt::{self, Receipt, SignedReceipt, StatementPublicKey};
use sharekeep_schemas::{TenantId, WalletId, WalletStatus};

/// A receipt that was checked.
pub(crate) struct Checked {
    pub(crate) signed: SignedReceipt,
    pub(crate) epoch: u64,
    pub(crate) status: WalletStatus,
}

impl Client {
    /// Checks a receipt for a wallet against the pinned statement key and the last one held.
    pub(crate) fn check_receipt(
        &self,
        wallet: WalletId,
        bytes: &[u8],
        held: Option<&SignedReceipt>,
    ) -> Result<Checked> {
        let pins = self.pins().ok_or(Error::Pinned("no enclave was attested yet"))?;
        check(&pins.statement_key, &self.settings.tenant, wallet, bytes, held)
    }
}

fn check(
    key: &StatementPublicKey,
    tenant: &TenantId,
    wallet: WalletId,
    bytes: &[u8],
    held: Option<&SignedReceipt>,
) -> Result<Checked> {
    let signed = SignedReceipt::from_bytes(bytes).map_err(Error::Receipt)?;
    let receipt = signed.verify(key).map_err(Error::Receipt)?;
    if receipt.tenant != tenant.as_str() {
        return Err(Error::ReceiptFor("tenant"));
    }
    if receipt.wallet_id != wallet.to_string() {
        return Err(Error::ReceiptFor("wallet"));
    }
    if let Some(held) = held {
        let held = held.verify(key).map_err(Error::Receipt)?;
        receipt.check_follows(&held).map_err(Error::Receipt)?;
    }
    Ok(Checked { signed, epoch: receipt.epoch, status: status(&receipt) })
}

const fn status(receipt: &Receipt) -> WalletStatus {
    match receipt.status {
        receipt::WalletStatus::Pending => WalletStatus::Pending,
        receipt::WalletStatus::Active => WalletStatus::Active,
        receipt::WalletStatus::Locked => WalletStatus::Locked,
        receipt::WalletStatus::Archived => WalletStatus::Archived,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;
    use sharekeep_channel::receipt::{AuditHead, StatementKey};

    const WALLET: WalletId = WalletId::new([7; 16]);

    fn receipt(wallet: WalletId, record_version: u64, status: receipt::WalletStatus) -> Receipt {
        Receipt {
            deployment: "here".to_owned(),
            tenant: "demo".to_owned(),
            wallet_id: wallet.to_string(),
            epoch: 1,
            status,
            audit_head: AuditHead::from_bytes([0; 32]),
            record_version,
            issued_at_unix_s: 1,
        }
    }

    fn run(key: &StatementKey, new: &Receipt, held: Option<&Receipt>) -> Result<WalletStatus> {
        let held = held.map(|held| held.sign(key).unwrap());
        let tenant = "demo".parse().unwrap();
        let bytes = new.sign(key).unwrap().to_bytes();
        check(&key.public_key(), &tenant, WALLET, &bytes, held.as_ref()).map(|c| c.status)
    }

    #[test]
    fn an_older_receipt_is_refused_a_newer_one_taken() {
        let key = StatementKey::generate(&mut OsRng);
        let pending = receipt(WALLET, 1, receipt::WalletStatus::Pending);
        let active = receipt(WALLET, 2, receipt::WalletStatus::Active);
        assert_eq!(run(&key, &active, Some(&pending)).unwrap(), WalletStatus::Active);
        assert!(matches!(run(&key, &pending, Some(&active)), Err(Error::Receipt(_))));
    }

    #[test]
    fn a_receipt_for_another_wallet_is_refused() {
        let key = StatementKey::generate(&mut OsRng);
        let other = receipt(WalletId::new([8; 16]), 1, receipt::WalletStatus::Pending);
        assert!(matches!(run(&key, &other, None), Err(Error::ReceiptFor("wallet"))));
    }

    #[test]
    fn a_receipt_under_another_key_is_refused() {
        let (key, other) = (StatementKey::generate(&mut OsRng), StatementKey::generate(&mut OsRng));
        let bytes =
            receipt(WALLET, 1, receipt::WalletStatus::Pending).sign(&other).unwrap().to_bytes();
        let tenant = "demo".parse().unwrap();
        let result = check(&key.public_key(), &tenant, WALLET, &bytes, None);
        assert!(matches!(result, Err(Error::Receipt(_))));
    }
}
