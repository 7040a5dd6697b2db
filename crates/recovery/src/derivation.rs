//! Every key of this crate and the label it is derived under.
//!
//! ```text
//! recovery seed ┬ recovery/backup    X25519, backups are sealed to it
//!               └ recovery/changes   Ed25519, signs the factors
//! factor secret ┬ factor/unlock      X25519, the seed is sealed to it
//!               └ factor/voucher     HMAC-SHA256, vouches for the recovery key it was made under
//! ```

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

pub(crate) const BACKUP_KEY: &str = "sharekeep/recovery/backup-key/v1";
pub(crate) const CHANGES_KEY: &str = "sharekeep/recovery/changes-key/v1";
pub(crate) const FACTOR_SECRET: &str = "sharekeep/recovery/factor-secret/v1";
pub(crate) const FACTOR_KEY: &str = "sharekeep/recovery/factor-key/v1";
pub(crate) const VOUCHER_KEY: &str = "sharekeep/recovery/voucher-key/v1";
pub(crate) const VOUCHER: &str = "sharekeep/recovery/voucher/v1";
pub(crate) const DECOY: &str = "sharekeep/recovery/passcode-decoy/v1";

pub(crate) const BACKUP: &str = "sharekeep/recovery/backup/v1";
pub(crate) const WRAP: &str = "sharekeep/recovery/wrapped-seed/v1";
pub(crate) const WRAP_HASH: &str = "sharekeep/recovery/wrapped-seed-hash/v1";
pub(crate) const STATEMENT: &str = "sharekeep/recovery/factor-set/v1";
pub(crate) const STATEMENT_HASH: &str = "sharekeep/recovery/factor-set-hash/v1";
pub(crate) const ROTATION: &str = "sharekeep/recovery/rotation/v1";
pub(crate) const DEVICE_UNLOCK: &str = "sharekeep/recovery/device-unlock/v1";
pub(crate) const PASSCODE_CLIENT: &str = "sharekeep/recovery/passcode-client/v1";
pub(crate) const PASSCODE_SERVER: &str = "sharekeep/recovery/passcode-server/v1";
pub(crate) const PASSCODE_CONTEXT: &str = "sharekeep/recovery/passcode-context/v1";

/// HKDF-SHA256 (RFC 5869) without salt: the inputs are uniform secrets. `info` starts with a label.
pub(crate) fn derive(secret: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, secret)
        .expand(info, out.as_mut())
        .expect("32 bytes are less than HKDF can give");
    out
}
