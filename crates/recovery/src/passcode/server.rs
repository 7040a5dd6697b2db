use super::client::{fixed, message};
use super::{
    KE1_BYTES, KE2_BYTES, KE3_BYTES, PasscodeBinding, REGISTRATION_REQUEST_BYTES,
    REGISTRATION_RESPONSE_BYTES, REGISTRATION_UPLOAD_BYTES, Suite,
};
use crate::derivation::{self, DECOY};
use crate::{Error, Result};
use opaque_ke::{
    CredentialFinalization, CredentialRequest, RegistrationRequest, RegistrationUpload,
    ServerLogin, ServerLoginParameters, ServerRegistration, ServerSetup,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRngCore, SeedableRng};
use sharekeep_channel::Transcript;
use zeroize::{Zeroize, Zeroizing};

/// Length of a stored set-up in bytes.
const SETUP_BYTES: usize = 128;

/// The enclave's side of one factor: its own OPRF seed and key, made for it and sealed in its record.
pub struct PasscodeServer(ServerSetup<Suite>);

impl PasscodeServer {
    /// Makes a set-up.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        Self(ServerSetup::new(rng))
    }

    /// The set-up to answer with where there is no passcode: always the same one for the same place,
    /// so that asking twice does not tell. `secret` is the tenant's and serves nothing else.
    #[must_use]
    pub fn decoy(secret: &[u8; 32], binding: &PasscodeBinding<'_>) -> Self {
        let place = Transcript::new(DECOY).field(&binding.bound().client).finish();
        let seed = derivation::derive(secret, &place);
        Self(ServerSetup::new(&mut ChaCha20Rng::from_seed(*seed)))
    }

    /// The secret bytes, for a caller that seals them at once.
    #[must_use]
    pub fn to_sealing_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut array = self.0.serialize();
        let bytes = Zeroizing::new(array.to_vec());
        array.as_mut_slice().zeroize();
        bytes
    }

    /// Takes back what [`to_sealing_bytes`](Self::to_sealing_bytes) gave.
    ///
    /// # Errors
    /// [`Error::SecretMalformed`].
    pub fn from_sealing_bytes(bytes: &[u8]) -> Result<Self> {
        let bytes: &[u8; SETUP_BYTES] = bytes.try_into().map_err(|_| Error::SecretMalformed)?;
        ServerSetup::deserialize(bytes).map(Self).map_err(|_| Error::SecretMalformed)
    }

    /// Answers a registration's first message. Nothing is charged: it evaluates for a passcode that
    /// is being chosen, under a set-up that holds none yet.
    ///
    /// # Errors
    /// [`Error::PasscodeMessage`].
    pub fn register(
        &self,
        request: &[u8],
        binding: &PasscodeBinding<'_>,
    ) -> Result<[u8; REGISTRATION_RESPONSE_BYTES]> {
        let request: &[u8; REGISTRATION_REQUEST_BYTES] =
            request.try_into().map_err(|_| Error::PasscodeMessage)?;
        let request = RegistrationRequest::deserialize(request).map_err(message)?;
        let id = binding.factor;
        let started =
            ServerRegistration::start(&self.0, request, id.as_bytes()).map_err(message)?;
        fixed(&started.message.serialize())
    }

    /// Answers KE1 with KE2. The guess must be charged before the answer leaves, whether there is a
    /// passcode or not; size and work are the same for both.
    ///
    /// # Errors
    /// [`Error::PasscodeMessage`].
    pub fn respond(
        &self,
        registered: Option<&RegisteredPasscode>,
        binding: &PasscodeBinding<'_>,
        ke1: &[u8],
        rng: &mut impl CryptoRngCore,
    ) -> Result<(PendingLogin, [u8; KE2_BYTES])> {
        let ke1: &[u8; KE1_BYTES] = ke1.try_into().map_err(|_| Error::PasscodeMessage)?;
        let ke1 = CredentialRequest::deserialize(ke1).map_err(message)?;
        let bound = binding.bound();
        let parameters = ServerLoginParameters {
            context: Some(&bound.context),
            identifiers: bound.identifiers(),
        };
        let started = ServerLogin::start(
            rng,
            &self.0,
            registered.map(|registered| registered.0.clone()),
            ke1,
            binding.factor.as_bytes(),
            parameters,
        )
        .map_err(message)?;
        Ok((PendingLogin(started.state), fixed(&started.message.serialize())?))
    }
}

/// A registration as the enclave keeps it in the factor's sealed record.
pub struct RegisteredPasscode(ServerRegistration<Suite>);

impl RegisteredPasscode {
    /// Takes a registration's last message, or what [`to_sealing_bytes`](Self::to_sealing_bytes)
    /// gave: they are the same bytes.
    ///
    /// # Errors
    /// [`Error::PasscodeMessage`].
    pub fn from_upload(upload: &[u8]) -> Result<Self> {
        let upload: &[u8; REGISTRATION_UPLOAD_BYTES] =
            upload.try_into().map_err(|_| Error::PasscodeMessage)?;
        let upload = RegistrationUpload::deserialize(upload).map_err(message)?;
        Ok(Self(ServerRegistration::finish(upload)))
    }

    /// The bytes, for a caller that seals them at once: with the set-up, passcodes can be tried
    /// against them.
    #[must_use]
    pub fn to_sealing_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.serialize().to_vec())
    }
}

/// A login that waits for KE3. It lives in enclave memory only: there is no byte form, and no copy.
/// Wiped on drop.
pub struct PendingLogin(ServerLogin<Suite>);

impl PendingLogin {
    /// Checks KE3: the client knew the passcode.
    ///
    /// # Errors
    /// [`Error::PasscodeWrong`], [`Error::PasscodeMessage`]. Either way the login is over.
    pub fn finish(self, ke3: &[u8], binding: &PasscodeBinding<'_>) -> Result<()> {
        let ke3: &[u8; KE3_BYTES] = ke3.try_into().map_err(|_| Error::PasscodeMessage)?;
        let ke3 = CredentialFinalization::deserialize(ke3).map_err(message)?;
        let bound = binding.bound();
        let parameters = ServerLoginParameters {
            context: Some(&bound.context),
            identifiers: bound.identifiers(),
        };
        let mut finished = self.0.finish(ke3, parameters).map_err(|_| Error::PasscodeWrong)?;
        // Messages are protected by the encapsulation; the session key serves nothing here.
        finished.session_key.as_mut_slice().zeroize();
        Ok(())
    }
}
