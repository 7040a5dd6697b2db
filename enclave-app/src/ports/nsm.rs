use crate::Error;
use aws_nitro_enclaves_nsm_api::api::{Request, Response};
use aws_nitro_enclaves_nsm_api::driver;
use serde_bytes::ByteBuf;
use sharekeep_channel::attestation::Pcr;
use zeroize::Zeroizing;

/// The Nitro security module.
pub trait Nsm: Send + Sync {
    /// A signed attestation document over what is given.
    ///
    /// # Errors
    /// [`Error::Nsm`].
    fn attest(
        &self,
        user_data: Option<&[u8]>,
        nonce: Option<&[u8]>,
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error>;

    /// A measurement of this enclave.
    ///
    /// # Errors
    /// [`Error::Nsm`].
    fn pcr(&self, index: u16) -> Result<Pcr, Error>;
}

/// The device `/dev/nsm`.
pub struct NitroNsm {
    descriptor: i32,
}

impl NitroNsm {
    /// Opens the device.
    ///
    /// # Errors
    /// [`Error::Nsm`] when there is none.
    pub fn open() -> Result<Self, Error> {
        let descriptor = driver::nsm_init();
        if descriptor < 0 { Err(Error::Nsm("no device")) } else { Ok(Self { descriptor }) }
    }

    /// Bytes of its hardware generator, 256 as a rule.
    ///
    /// # Errors
    /// [`Error::Nsm`].
    pub fn random(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        match driver::nsm_process_request(self.descriptor, Request::GetRandom) {
            Response::GetRandom { random } => Ok(Zeroizing::new(random)),
            _ => Err(Error::Nsm("no random bytes")),
        }
    }
}

impl Drop for NitroNsm {
    fn drop(&mut self) {
        driver::nsm_exit(self.descriptor);
    }
}

impl Nsm for NitroNsm {
    fn attest(
        &self,
        user_data: Option<&[u8]>,
        nonce: Option<&[u8]>,
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        let own = |bytes: Option<&[u8]>| bytes.map(|b| ByteBuf::from(b.to_vec()));
        let request = Request::Attestation {
            user_data: own(user_data),
            nonce: own(nonce),
            public_key: own(public_key),
        };
        match driver::nsm_process_request(self.descriptor, request) {
            Response::Attestation { document } => Ok(document),
            _ => Err(Error::Nsm("no attestation")),
        }
    }

    fn pcr(&self, index: u16) -> Result<Pcr, Error> {
        match driver::nsm_process_request(self.descriptor, Request::DescribePCR { index }) {
            Response::DescribePCR { data, .. } => {
                let bytes: [u8; 48] =
                    data.try_into().map_err(|_| Error::Nsm("a pcr of another length"))?;
                Ok(Pcr::from_bytes(bytes))
            }
            _ => Err(Error::Nsm("no pcr")),
        }
    }
}
