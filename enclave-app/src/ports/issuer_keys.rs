use super::{Egress, Later};
use crate::Error;
use crate::net::{HttpsClient, Roots};
use hyper::Uri;
use std::sync::Arc;

/// Fetches JWK sets.
pub trait IssuerKeySource: Send + Sync {
    /// The set's JSON. `authorities_pem` are trusted instead of the public ones.
    ///
    /// # Errors
    /// [`Error::Egress`], [`Error::Tls`], [`Error::Answer`].
    fn fetch<'a>(
        &'a self,
        uri: &'a str,
        authorities_pem: Option<&'a str>,
    ) -> Later<'a, Result<Vec<u8>, Error>>;
}

/// Fetches over the egress port, with TLS that ends here. The caller has taken the address from a
/// tenant document that the operator signed.
pub struct IssuerKeysOverEgress {
    egress: Arc<dyn Egress>,
}

impl IssuerKeysOverEgress {
    /// Over this way out.
    pub fn new(egress: Arc<dyn Egress>) -> Self {
        Self { egress }
    }
}

/// Largest JWK set in bytes.
const MAX_SET_BYTES: usize = 131_072;

impl IssuerKeySource for IssuerKeysOverEgress {
    fn fetch<'a>(
        &'a self,
        uri: &'a str,
        authorities_pem: Option<&'a str>,
    ) -> Later<'a, Result<Vec<u8>, Error>> {
        Box::pin(async move {
            let uri: Uri = uri.parse().map_err(|_| Error::EgressForbidden)?;
            let roots = match authorities_pem {
                Some(pem) => Roots::Pem(pem),
                None => Roots::Public,
            };
            HttpsClient::new(self.egress.clone(), roots)?.get(&uri, MAX_SET_BYTES).await
        })
    }
}
