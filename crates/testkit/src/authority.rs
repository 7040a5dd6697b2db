use crate::Error;
use crate::certificate::{self, DAY, Validity};
use crate::stored::Stored;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

const ROOT_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// As browsers and TLS libraries tolerate for servers.
const SERVER_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

fn root_params() -> CertificateParams {
    certificate::params(
        "Sharekeep development authority",
        certificate::authority(0),
        Validity::starting_now(ROOT_LIFE),
    )
}

/// A certificate authority for development servers: identity provider and KMS. It is named in the
/// development tenant document and must be trusted nowhere else.
pub struct DevCa {
    key: KeyPair,
    root_der: Vec<u8>,
    root_pem: String,
}

impl DevCa {
    /// Reads the authority from `directory`, or makes it there.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Certificate`].
    pub fn load_or_create(directory: &Path) -> Result<Self, Error> {
        let stored = Stored::load_or_create(directory, "development-authority", || {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
            let root = root_params().self_signed(&key)?;
            Ok(Stored {
                key_pkcs8: Zeroizing::new(key.serialize_der()),
                certificate_der: root.der().to_vec(),
            })
        })?;
        let key = PrivatePkcs8KeyDer::from(stored.key_pkcs8.as_slice());
        Ok(Self {
            key: KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)?,
            root_pem: pem(&stored.certificate_der),
            root_der: stored.certificate_der,
        })
    }

    /// The root to trust, PEM.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The root to trust, DER.
    #[must_use]
    pub fn root_der(&self) -> &[u8] {
        &self.root_der
    }

    /// Makes a key and a certificate for a server of the given DNS names and IP addresses, valid
    /// for 90 days from a day ago on.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn issue_server(&self, names: &[&str]) -> Result<IssuedServer, Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = certificate::params(
            "Sharekeep development server",
            IsCa::ExplicitNoCa,
            Validity::starting_now(SERVER_LIFE.saturating_sub(DAY)),
        );
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let root = root_params();
        let certificate = params.signed_by(&key, &Issuer::from_params(&root, &self.key))?;
        Ok(IssuedServer {
            chain_der: vec![certificate.der().to_vec()],
            key_pkcs8: Zeroizing::new(key.serialize_der()),
        })
    }
}

/// A server's certificate and key, in the forms that rustls takes.
pub struct IssuedServer {
    chain_der: Vec<Vec<u8>>,
    key_pkcs8: Zeroizing<Vec<u8>>,
}

impl IssuedServer {
    /// The chain without its root, leaf first.
    #[must_use]
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain_der.iter().map(|der| CertificateDer::from(der.clone())).collect()
    }

    /// The same as DER bytes.
    #[must_use]
    pub fn chain_der(&self) -> &[Vec<u8>] {
        &self.chain_der
    }

    /// The key, PKCS #8.
    #[must_use]
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key_pkcs8.to_vec()).into()
    }
}

/// RFC 7468 section 5.
fn pem(der: &[u8]) -> String {
    const LINE: usize = 64;
    let text = STANDARD.encode(der);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls_pki_types::pem::PemObject;

    #[test]
    fn the_authority_is_the_same_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let first = DevCa::load_or_create(directory.path()).unwrap();
        let second = DevCa::load_or_create(directory.path()).unwrap();
        assert_eq!(first.root_der(), second.root_der());
        let read = CertificateDer::from_pem_slice(first.root_pem().as_bytes()).unwrap();
        assert_eq!(read.as_ref(), first.root_der());
    }
}
