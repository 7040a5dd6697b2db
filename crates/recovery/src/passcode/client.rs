use super::{
    KE1_BYTES, KE2_BYTES, KE3_BYTES, Passcode, PasscodeBinding, REGISTRATION_REQUEST_BYTES,
    REGISTRATION_RESPONSE_BYTES, REGISTRATION_UPLOAD_BYTES, Suite,
};
use crate::{Error, Result};
use opaque_ke::errors::ProtocolError;
use opaque_ke::{
    ClientLogin, ClientLoginFinishParameters, ClientRegistration,
    ClientRegistrationFinishParameters, CredentialResponse, RegistrationResponse,
};
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, Zeroizing};

/// What registration and login with the right passcode give, and nobody else can compute. Wiped on
/// drop.
pub struct ExportKey(Zeroizing<[u8; 64]>);

impl ExportKey {
    #[cfg(test)]
    pub(crate) fn from_bytes(bytes: &[u8; 64]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// Takes the library's array and wipes it.
    fn take(mut array: impl AsMut<[u8]>) -> Result<Self> {
        let source = array.as_mut();
        let mut bytes = Zeroizing::new([0; 64]);
        if source.len() != bytes.len() {
            return Err(Error::PasscodeMessage);
        }
        bytes.copy_from_slice(source);
        source.zeroize();
        Ok(Self(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

/// A registration on the client, between its two messages.
pub struct PasscodeRegistration {
    passcode: Passcode,
    state: ClientRegistration<Suite>,
}

impl PasscodeRegistration {
    /// Starts; the bytes go to the enclave.
    ///
    /// # Errors
    /// [`Error::PasscodeMessage`], with negligible probability.
    pub fn start(
        passcode: Passcode,
        rng: &mut impl CryptoRngCore,
    ) -> Result<(Self, [u8; REGISTRATION_REQUEST_BYTES])> {
        let started = ClientRegistration::start(rng, &passcode.0).map_err(message)?;
        let request = fixed(&started.message.serialize())?;
        Ok((Self { passcode, state: started.state }, request))
    }

    /// Finishes with the enclave's answer; the bytes go to the enclave, the key stays. Runs Argon2id.
    ///
    /// # Errors
    /// [`Error::PasscodeMessage`].
    pub fn finish(
        self,
        response: &[u8],
        binding: &PasscodeBinding<'_>,
        rng: &mut impl CryptoRngCore,
    ) -> Result<([u8; REGISTRATION_UPLOAD_BYTES], ExportKey)> {
        let response: &[u8; REGISTRATION_RESPONSE_BYTES] =
            response.try_into().map_err(|_| Error::PasscodeMessage)?;
        let response = RegistrationResponse::deserialize(response).map_err(message)?;
        let (bound, argon2) = (binding.bound(), binding.stretching.argon2());
        let parameters =
            ClientRegistrationFinishParameters::new(bound.identifiers(), Some(&argon2));
        let finished =
            self.state.finish(rng, &self.passcode.0, response, parameters).map_err(message)?;
        Ok((fixed(&finished.message.serialize())?, ExportKey::take(finished.export_key)?))
    }
}

/// A login on the client, between its two messages.
pub struct PasscodeLogin {
    passcode: Passcode,
    state: ClientLogin<Suite>,
}

impl PasscodeLogin {
    /// Starts; the bytes (KE1) go to the enclave. A retry sends the same bytes: others are charged
    /// as another guess.
    ///
    /// # Errors
    /// [`Error::PasscodeMessage`], with negligible probability.
    pub fn start(
        passcode: Passcode,
        rng: &mut impl CryptoRngCore,
    ) -> Result<(Self, [u8; KE1_BYTES])> {
        let started = ClientLogin::start(rng, &passcode.0).map_err(message)?;
        let ke1 = fixed(&started.message.serialize())?;
        Ok((Self { passcode, state: started.state }, ke1))
    }

    /// Finishes with the enclave's answer (KE2); the bytes (KE3) go to the enclave and reset its
    /// count, the key stays. Runs Argon2id.
    ///
    /// # Errors
    /// [`Error::PasscodeWrong`], [`Error::PasscodeMessage`].
    pub fn finish(
        self,
        ke2: &[u8],
        binding: &PasscodeBinding<'_>,
        rng: &mut impl CryptoRngCore,
    ) -> Result<([u8; KE3_BYTES], ExportKey)> {
        let ke2: &[u8; KE2_BYTES] = ke2.try_into().map_err(|_| Error::PasscodeMessage)?;
        let ke2 = CredentialResponse::deserialize(ke2).map_err(message)?;
        let (bound, argon2) = (binding.bound(), binding.stretching.argon2());
        let parameters = ClientLoginFinishParameters::new(
            Some(&bound.context),
            bound.identifiers(),
            Some(&argon2),
        );
        let finished = self
            .state
            .finish(rng, &self.passcode.0, ke2, parameters)
            // With a wrong passcode the unmasked answer may be garbage of any kind.
            .map_err(|_| Error::PasscodeWrong)?;
        Ok((fixed(&finished.message.serialize())?, ExportKey::take(finished.export_key)?))
    }
}

pub(super) fn message(_: ProtocolError) -> Error {
    Error::PasscodeMessage
}

/// The library's arrays as ours.
pub(super) fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| Error::PasscodeMessage)
}
