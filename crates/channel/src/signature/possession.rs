use super::{SIGNATURE_BYTES, SessionPublicKey, SessionSigningKey};
use crate::encapsulation::PopValue;
use crate::newtype::public_bytes;
use crate::transcript::Transcript;
use crate::{Error, Result};

const LABEL: &str = "sharekeep/session-possession/v1";

public_bytes! {
    /// Shows that who sealed a request holds a session key: a signature over the request's
    /// [`PopValue`]. It is worthless in any other request.
    SessionProof, SIGNATURE_BYTES, base64url
}

fn message(pop: &PopValue) -> Vec<u8> {
    Transcript::new(LABEL).field(pop.as_bytes()).finish()
}

impl SessionSigningKey {
    /// Proves this key inside the request that `pop` belongs to.
    #[must_use]
    pub fn prove_possession(&self, pop: &PopValue) -> SessionProof {
        SessionProof::from_bytes(self.sign_bytes(&message(pop)))
    }
}

impl SessionPublicKey {
    /// Checks the proof that an opened request carried.
    ///
    /// # Errors
    /// [`Error::PossessionInvalid`]: made with another key or for another request.
    pub fn verify_possession(&self, pop: &PopValue, proof: &SessionProof) -> Result<()> {
        if self.verify_bytes(&message(pop), proof.as_bytes()) {
            Ok(())
        } else {
            Err(Error::PossessionInvalid)
        }
    }
}
