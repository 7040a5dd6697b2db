use super::Receipt;
use crate::{Error, Result};

impl Receipt {
    /// Checks that this receipt may come after the `held` one: same wallet, nothing set back, and
    /// for the same record version the same content. A receipt may repeat.
    ///
    /// # Errors
    /// [`Error::ReceiptForAnother`]; [`Error::ReceiptRolledBack`] if epoch or record version is
    /// lower; [`Error::ReceiptForked`] if the version is the same and the content is not.
    pub fn check_follows(&self, held: &Self) -> Result<()> {
        let place = |receipt: &Self| {
            (receipt.deployment.clone(), receipt.tenant.clone(), receipt.wallet_id.clone())
        };
        if place(self) != place(held) {
            return Err(Error::ReceiptForAnother);
        }
        if self.epoch < held.epoch || self.record_version < held.record_version {
            return Err(Error::ReceiptRolledBack);
        }
        let content = |receipt: &Self| (receipt.epoch, receipt.status, receipt.audit_head);
        if self.record_version == held.record_version && content(self) != content(held) {
            return Err(Error::ReceiptForked);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AuditHead, WalletStatus};
    use super::*;
    use proptest::prelude::*;

    fn receipt(epoch: u64, record_version: u64, head: u8) -> Receipt {
        Receipt {
            deployment: "d".into(),
            tenant: "t".into(),
            wallet_id: "w".into(),
            epoch,
            status: WalletStatus::Active,
            audit_head: AuditHead::from_bytes([head; 32]),
            record_version,
            issued_at_unix_s: 0,
        }
    }

    #[test]
    fn a_wallet_set_back_or_forked_is_noticed() {
        let held = receipt(2, 10, 1);
        receipt(2, 10, 1).check_follows(&held).unwrap();
        receipt(2, 11, 2).check_follows(&held).unwrap();
        receipt(3, 11, 2).check_follows(&held).unwrap();
        let check = |new: Receipt| new.check_follows(&held).unwrap_err();
        assert!(matches!(check(receipt(1, 11, 2)), Error::ReceiptRolledBack));
        assert!(matches!(check(receipt(2, 9, 2)), Error::ReceiptRolledBack));
        assert!(matches!(check(receipt(2, 10, 2)), Error::ReceiptForked));
        let other = Receipt { wallet_id: "v".into(), ..receipt(3, 11, 2) };
        assert!(matches!(check(other), Error::ReceiptForAnother));
    }

    proptest! {
        #[test]
        fn following_both_ways_means_being_equal_in_content(
            a in (0u64..4, 0u64..4, 0u8..2), b in (0u64..4, 0u64..4, 0u8..2)
        ) {
            let (a, b) = (receipt(a.0, a.1, a.2), receipt(b.0, b.1, b.2));
            if a.check_follows(&b).is_ok() && b.check_follows(&a).is_ok() {
                prop_assert_eq!(a, b);
            }
        }

        #[test]
        fn following_is_transitive(
            a in (0u64..3, 0u64..3, 0u8..2),
            b in (0u64..3, 0u64..3, 0u8..2),
            c in (0u64..3, 0u64..3, 0u8..2),
        ) {
            let [a, b, c] = [a, b, c].map(|(epoch, version, head)| receipt(epoch, version, head));
            if b.check_follows(&a).is_ok() && c.check_follows(&b).is_ok() {
                prop_assert!(c.check_follows(&a).is_ok());
            }
        }
    }
}
