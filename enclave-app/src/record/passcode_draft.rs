use super::{NotARecord, VERSION, check_version, decode, encode};
use serde::{Deserialize, Serialize};
use sharekeep_recovery::passcode::PasscodeServer;
use zeroize::{Zeroize, Zeroizing};

/// The enclave's part of a passcode that is being set.
pub struct PasscodeDraft {
    /// What it will be checked with.
    pub server: PasscodeServer,
    /// When it is given up, in seconds since 1970.
    pub expires_at_unix_s: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    #[serde(with = "serde_bytes")]
    server: Vec<u8>,
    expires_at_unix_s: u64,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.server.zeroize();
    }
}

impl PasscodeDraft {
    /// The plaintext to seal.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode(&Wire {
            version: VERSION,
            server: self.server.to_sealing_bytes().to_vec(),
            expires_at_unix_s: self.expires_at_unix_s,
        })
    }

    /// Reads an opened plaintext.
    ///
    /// # Errors
    /// [`NotARecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARecord> {
        let wire: Wire = decode(bytes)?;
        check_version(wire.version)?;
        let server = PasscodeServer::from_sealing_bytes(&wire.server).map_err(|_| NotARecord)?;
        Ok(Self { server, expires_at_unix_s: wire.expires_at_unix_s })
    }
}
