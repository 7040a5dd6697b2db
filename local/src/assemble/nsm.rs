use sharekeep_channel::attestation::Pcr;
use sharekeep_enclave_app::Error;
use sharekeep_enclave_app::ports::Nsm;
use sharekeep_testkit::SoftNsm;

/// The software NSM in the enclave's port.
pub(super) struct SoftNsmPort(pub(super) SoftNsm);

impl Nsm for SoftNsmPort {
    fn attest(
        &self,
        user_data: Option<&[u8]>,
        nonce: Option<&[u8]>,
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        self.0
            .attest(user_data, nonce, public_key)
            .map_err(|_| Error::Nsm("the software nsm refused"))
    }

    fn pcr(&self, index: u16) -> Result<Pcr, Error> {
        self.0.describe_pcr(index).map(Pcr::from_bytes).ok_or(Error::Nsm("no such pcr"))
    }
}
