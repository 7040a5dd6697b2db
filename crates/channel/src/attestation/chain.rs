use super::{Policy, es384};
use crate::{Error, Result};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage};

/// Checks that `leaf` is an end-entity certificate under the policy's root at the policy's time,
/// and returns it for checking the document's signature.
pub(super) fn verify<'a>(
    leaf: &'a CertificateDer<'a>,
    cabundle: &[Vec<u8>],
    policy: &Policy<'_>,
) -> Result<EndEntityCert<'a>> {
    let (root, intermediates) =
        cabundle.split_first().ok_or(Error::DocumentMalformed("certificate bundle"))?;
    if root != policy.root_der {
        return Err(Error::WrongRoot);
    }
    let root = CertificateDer::from(policy.root_der);
    let anchor = webpki::anchor_from_trusted_cert(&root).map_err(Error::ChainInvalid)?;
    let intermediates: Vec<_> =
        intermediates.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let leaf = EndEntityCert::try_from(leaf).map_err(Error::ChainInvalid)?;
    leaf.verify_for_usage(
        &[es384::CERTIFICATE],
        &[anchor],
        &intermediates,
        UnixTime::since_unix_epoch(Duration::from_secs(policy.now_unix_s)),
        // The leaf names no extended usage, which webpki takes as any.
        KeyUsage::server_auth(),
        // AWS publishes no revocation for certificates that live three hours.
        None,
        None,
    )
    .map_err(|error| match error {
        webpki::Error::CertExpired { .. } => Error::ChainExpired,
        webpki::Error::CertNotValidYet { .. } => Error::ChainNotYetValid,
        other => Error::ChainInvalid(other),
    })?;
    Ok(leaf)
}
