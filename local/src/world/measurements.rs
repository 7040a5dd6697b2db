use sha2::{Digest, Sha384};

/// What the software NSM says about the enclave, in place of an image's measurements.
///
/// Nothing is measured here: each PCR is SHA-384 over a label, the PCR's number and the trust
/// configuration, so that another configuration gives other PCRs, as another image would.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measurements(pub [[u8; 48]; 3]);

impl Measurements {
    /// PCR0, 1 and 2 for an encoded trust configuration.
    pub fn of(trust: &[u8]) -> Self {
        Self([0, 1, 2].map(|number: u8| {
            Sha384::new()
                .chain_update(b"sharekeep/local/measurement/v1\0")
                .chain_update([number])
                .chain_update(trust)
                .finalize()
                .into()
        }))
    }

    /// The three as byte strings.
    pub fn to_vecs(self) -> Vec<Vec<u8>> {
        self.0.map(|pcr| pcr.to_vec()).into()
    }
}
