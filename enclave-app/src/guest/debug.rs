use crate::Error;
use crate::ports::Nsm;

/// The measurements of the image, of its kernel and of its program.
const MEASURED: [u16; 3] = [0, 1, 2];

/// Refuses an enclave whose console and memory the host can read: the security module then says zeros,
/// and no measurement is zero. Clients and KMS refuse it too; here no key is made that could leak.
pub(super) fn refuse(nsm: &dyn Nsm) -> Result<(), Error> {
    for index in MEASURED {
        if nsm.pcr(index)?.is_zero() {
            return Err(Error::DebugMode);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sharekeep_channel::attestation::Pcr;

    struct Measured([u8; 3]);

    impl Nsm for Measured {
        fn attest(
            &self,
            _: Option<&[u8]>,
            _: Option<&[u8]>,
            _: Option<&[u8]>,
        ) -> Result<Vec<u8>, Error> {
            Err(Error::Nsm("not asked for"))
        }

        fn pcr(&self, index: u16) -> Result<Pcr, Error> {
            let byte = self.0.get(usize::from(index)).ok_or(Error::Nsm("no pcr"))?;
            Ok(Pcr::from_bytes([*byte; 48]))
        }
    }

    #[test]
    fn an_enclave_in_debug_mode_makes_no_key() {
        for zero in [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]] {
            assert!(matches!(refuse(&Measured(zero)), Err(Error::DebugMode)), "{zero:?}");
        }
        assert!(refuse(&Measured([1, 1, 1])).is_ok());
    }
}
