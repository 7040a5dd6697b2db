use crate::Error;
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};

/// Which certificate authorities a connection trusts. The image has no system store.
#[derive(Clone, Copy, Debug)]
pub enum Roots<'a> {
    /// The public ones, as Mozilla lists them.
    Public,
    /// These (PEM) and no others.
    Pem(&'a str),
}

/// Most authorities in one document.
const MAX_AUTHORITIES: usize = 16;

impl Roots<'_> {
    pub(super) fn store(self) -> Result<RootCertStore, Error> {
        let mut store = RootCertStore::empty();
        match self {
            Self::Public => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Self::Pem(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                    let certificate =
                        certificate.map_err(|_| Error::Authorities("not certificates"))?;
                    store.add(certificate).map_err(|_| Error::Authorities("not certificates"))?;
                    if store.len() > MAX_AUTHORITIES {
                        return Err(Error::Authorities("too many"));
                    }
                }
                if store.is_empty() {
                    return Err(Error::Authorities("none"));
                }
            }
        }
        Ok(store)
    }
}
