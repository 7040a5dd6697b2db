use super::FactorFile;
use crate::ceremony::SignedIn;
use crate::{Error, Result};
use rand_core::{OsRng, RngCore};
use sharekeep_recovery::passcode::{
    Passcode, PasscodeBinding, PasscodeRegistration, REGISTRATION_UPLOAD_BYTES, Stretching,
};
use sharekeep_recovery::{ExportKey, FactorKeys, FactorSecret, FileKey, RecoveryCode};
use sharekeep_schemas::sealed::{PasscodeRegistered, RegisterPasscode, VERSION};
use sharekeep_schemas::{FactorId, FactorKind, TenantId, UserId};
use std::num::NonZeroU8;
use zeroize::Zeroizing;

/// A factor to be set up, with its secret.
pub struct NewFactor {
    id: FactorId,
    secret: NewSecret,
    label: Option<String>,
    guess_limit: Option<NonZeroU8>,
}

enum NewSecret {
    Passcode(Passcode),
    RecoveryCode(RecoveryCode),
    ExportFile(FileKey),
    CloudFile(FileKey, Passcode),
}

/// A factor that the enclave knows of, as far as it must, and that no set names yet.
pub(super) struct ReadyFactor {
    pub(super) keys: FactorKeys,
    pub(super) label: Option<String>,
    pub(super) passcode: Option<RegisteredUpload>,
}

/// What the enclave is to keep of a new passcode.
pub(super) struct RegisteredUpload {
    pub(super) bytes: [u8; REGISTRATION_UPLOAD_BYTES],
    pub(super) guess_limit: Option<NonZeroU8>,
}

impl NewFactor {
    /// A passcode.
    pub fn passcode(passcode: Passcode) -> Self {
        Self::new(NewSecret::Passcode(passcode))
    }

    /// A recovery code, drawn now. Show it before the factor is committed.
    pub fn recovery_code() -> Self {
        Self::new(NewSecret::RecoveryCode(RecoveryCode::generate(&mut OsRng)))
    }

    /// An export file, with a key drawn now. Write it before the factor is committed.
    pub fn export_file() -> Self {
        Self::new(NewSecret::ExportFile(FileKey::generate(&mut OsRng)))
    }

    /// A cloud file, with a key drawn now, that needs a passcode too. Write it before the factor is
    /// committed.
    pub fn cloud_file(passcode: Passcode) -> Self {
        Self::new(NewSecret::CloudFile(FileKey::generate(&mut OsRng), passcode))
    }

    fn new(secret: NewSecret) -> Self {
        let mut id = [0; FactorId::LEN];
        OsRng.fill_bytes(&mut id);
        Self { id: FactorId::new(id), secret, label: None, guess_limit: None }
    }

    /// The same with what the user calls it.
    #[must_use]
    pub fn labelled(self, label: Option<String>) -> Self {
        Self { label, ..self }
    }

    /// The same with how many wrong guesses destroy its passcode; the service's default (10) without.
    /// Nothing can be guessed at a factor without a passcode, so there it changes nothing.
    #[must_use]
    pub fn with_guess_limit(self, guess_limit: Option<NonZeroU8>) -> Self {
        Self { guess_limit, ..self }
    }

    /// Its id.
    pub fn id(&self) -> FactorId {
        self.id
    }

    /// What it is.
    pub fn kind(&self) -> FactorKind {
        match self.secret {
            NewSecret::Passcode(_) => FactorKind::Passcode,
            NewSecret::RecoveryCode(_) => FactorKind::RecoveryCode,
            NewSecret::ExportFile(_) => FactorKind::ExportFile,
            NewSecret::CloudFile(..) => FactorKind::CloudFile,
        }
    }

    /// The recovery code to show, if it is one.
    pub fn code(&self) -> Option<Zeroizing<String>> {
        match &self.secret {
            NewSecret::RecoveryCode(code) => Some(code.to_text()),
            _ => None,
        }
    }

    /// The file to write, if it is one.
    pub fn file(&self, tenant: &TenantId, user: &UserId) -> Option<FactorFile> {
        let (NewSecret::ExportFile(key) | NewSecret::CloudFile(key, _)) = &self.secret else {
            return None;
        };
        let key = FileKey::from_bytes(key.as_bytes()).ok()?;
        let (tenant, user) = (tenant.clone(), *user);
        Some(FactorFile { kind: self.kind(), tenant, user, factor: self.id, key })
    }
}

impl SignedIn<'_> {
    /// Gives a factor its keys; a passcode is registered with the enclave for that.
    pub(super) async fn make_ready(&self, new: NewFactor) -> Result<ReadyFactor> {
        let NewFactor { id, secret, label, guess_limit } = new;
        let (secret, upload) = match secret {
            NewSecret::RecoveryCode(code) => (FactorSecret::recovery_code(&code), None),
            NewSecret::ExportFile(key) => (FactorSecret::export_file(&key), None),
            NewSecret::Passcode(passcode) => {
                let (upload, export_key) = self.register(id, passcode).await?;
                (FactorSecret::passcode(&export_key), Some(upload))
            }
            NewSecret::CloudFile(key, passcode) => {
                let (upload, export_key) = self.register(id, passcode).await?;
                (FactorSecret::cloud_file(&key, &export_key), Some(upload))
            }
        };
        let keys = secret.keys(self.tenant(), self.user_id(), id);
        let passcode = upload.map(|bytes| RegisteredUpload { bytes, guess_limit });
        Ok(ReadyFactor { keys, label, passcode })
    }

    async fn register(
        &self,
        factor: FactorId,
        passcode: Passcode,
    ) -> Result<([u8; REGISTRATION_UPLOAD_BYTES], ExportKey)> {
        let (registration, request) = PasscodeRegistration::start(passcode, &mut OsRng)?;
        let payload = RegisterPasscode { version: VERSION, request: request.to_vec() };
        let path = format!("/v1/factors/{factor}/register");
        let answer: PasscodeRegistered = self.client().ask(self.session(), &path, &payload).await?;
        let (tenant, user) = (self.tenant().clone(), *self.user_id());
        stretch(move || {
            let binding = binding(&tenant, &user, factor);
            registration.finish(&answer.response, &binding, &mut OsRng)
        })
        .await
    }
}

/// The costs are this version's own, on both ends: nobody can name weaker ones.
pub(super) fn binding<'a>(
    tenant: &'a TenantId,
    user: &'a UserId,
    factor: FactorId,
) -> PasscodeBinding<'a> {
    PasscodeBinding { tenant, user, factor, stretching: Stretching::default() }
}

/// Runs Argon2id off the async threads: it takes a good part of a second.
pub(super) async fn stretch<T: Send + 'static>(
    work: impl FnOnce() -> sharekeep_recovery::Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Error::Recovery),
        Err(_) => Err(Error::Recovery(sharekeep_recovery::Error::PasscodeMessage)),
    }
}
