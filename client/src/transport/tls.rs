use crate::{Error, Result};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::sync::Arc;

/// TLS 1.2 or 1.3, trusting the given authorities or the system's.
pub(super) fn configuration(authorities_pem: Option<&str>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    match authorities_pem {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|_| unusable())?;
                roots.add(certificate).map_err(|_| unusable())?;
            }
            if roots.is_empty() {
                return Err(unusable());
            }
        }
        // A machine without any is no error here: plain http on this machine needs none, and
        // every TLS connection will say that its certificate is from an unknown issuer.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| unusable())?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn unusable() -> Error {
    Error::Usage("the certificate authorities to trust are not usable PEM certificates".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_that_are_none_are_refused() {
        for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(configuration(Some(pem)).is_err(), "{pem:?}");
        }
    }
}
