//! The passcode: OPAQUE (RFC 9807) between client and enclave.
//!
//! Suite: ristretto255-SHA512 as OPRF and as the group of 3DH, HKDF and HMAC with SHA-512, Argon2id
//! for key stretching on the client. The enclave learns nothing that passcodes could be tried
//! against without its own secret; who has that and the registration can try them at the price of
//! one Argon2id each.
//!
//! ```text
//! registration   client ── request 32 ──▶ enclave     login   client ── KE1 96 ──▶ enclave
//!                client ◀─ response 64 ── enclave             client ◀─ KE2 320 ── enclave
//!                client ── upload 192 ──▶ enclave             client ── KE3 64 ──▶ enclave
//! ```
//!
//! Each factor has a server set-up of its own inside its sealed record: destroying the record
//! destroys it. Both ends bind tenant, user, factor and the costs of stretching into the identities
//! and the context, so a record or a message of another place fails.
//!
//! The library, opaque-ke 4.0.1, was audited at 0.5 (NCC Group, 2021). Since then it changed to the
//! RFC's final form; that has not been examined by others.

mod client;
mod server;
mod stretching;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use client::{ExportKey, PasscodeLogin, PasscodeRegistration};
pub use server::{PasscodeServer, PendingLogin, RegisteredPasscode};
pub use stretching::Stretching;

use crate::derivation::{PASSCODE_CLIENT, PASSCODE_CONTEXT, PASSCODE_SERVER};
use crate::{Error, Result};
use argon2::Argon2;
use opaque_ke::{CipherSuite, Identifiers, Ristretto255, TripleDh};
use sha2::Sha512;
use sharekeep_channel::Transcript;
use sharekeep_schemas::{FactorId, TenantId, UserId};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Longest passcode in bytes, after normalisation.
pub const MAX_PASSCODE_BYTES: usize = 256;
/// Length of a registration's first message in bytes.
pub const REGISTRATION_REQUEST_BYTES: usize = 32;
/// Length of the answer to it.
pub const REGISTRATION_RESPONSE_BYTES: usize = 64;
/// Length of a registration's last message.
pub const REGISTRATION_UPLOAD_BYTES: usize = 192;
/// Length of a login's first message.
pub const KE1_BYTES: usize = 96;
/// Length of the answer to it, whether there is a passcode or not.
pub const KE2_BYTES: usize = 320;
/// Length of a login's last message.
pub const KE3_BYTES: usize = 64;

struct Suite;

impl CipherSuite for Suite {
    type OprfCs = Ristretto255;
    type KeyExchange = TripleDh<Ristretto255, Sha512>;
    type Ksf = Argon2<'static>;
}

/// A passcode as the protocol takes it: NFKD (so that two keyboards' spellings of one text are one
/// passcode), 1 to [`MAX_PASSCODE_BYTES`] bytes. Nothing is trimmed or folded. Wiped on drop.
pub struct Passcode(Zeroizing<Vec<u8>>);

impl Passcode {
    /// Takes what the user typed.
    ///
    /// # Errors
    /// [`Error::PasscodeEmpty`], [`Error::PasscodeTooLong`].
    pub fn new(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::PasscodeEmpty);
        }
        // Capped first, and in one buffer from the start: growing would leave copies behind.
        if text.len() > MAX_PASSCODE_BYTES {
            return Err(Error::PasscodeTooLong);
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PASSCODE_BYTES));
        for character in text.nfkd() {
            let mut utf8 = Zeroizing::new([0; 4]);
            let utf8 = character.encode_utf8(&mut *utf8).as_bytes();
            if bytes.len() + utf8.len() > MAX_PASSCODE_BYTES {
                return Err(Error::PasscodeTooLong);
            }
            bytes.extend_from_slice(utf8);
        }
        Ok(Self(bytes))
    }
}

/// What a passcode is registered for. Both ends must agree on all of it.
#[derive(Clone, Copy, Debug)]
pub struct PasscodeBinding<'a> {
    /// Which app.
    pub tenant: &'a TenantId,
    /// Whose.
    pub user: &'a UserId,
    /// Which factor.
    pub factor: FactorId,
    /// The costs it was registered with.
    pub stretching: Stretching,
}

/// The protocol's byte strings for a binding.
struct Bound {
    client: Vec<u8>,
    server: Vec<u8>,
    context: Vec<u8>,
}

impl PasscodeBinding<'_> {
    fn bound(&self) -> Bound {
        let tenant = self.tenant.as_str().as_bytes();
        let server = Transcript::new(PASSCODE_SERVER).field(tenant).finish();
        let client = Transcript::new(PASSCODE_CLIENT)
            .field(tenant)
            .field(self.user.as_bytes())
            .field(self.factor.as_bytes())
            .finish();
        let context = self
            .stretching
            .fields()
            .iter()
            .fold(Transcript::new(PASSCODE_CONTEXT), |context, field| context.field(field))
            .field(&client)
            .finish();
        Bound { client, server, context }
    }
}

impl Bound {
    fn identifiers(&self) -> Identifiers<'_> {
        Identifiers { client: Some(&self.client), server: Some(&self.server) }
    }
}
