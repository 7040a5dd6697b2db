use sharekeep_schemas::tenant::{Issuer, IssuerKeys, TenantDocument};
use sharekeep_schemas::{TenantId, TokenBinding};

use crate::identity_provider::{self, IdentityProvider};

/// The tenant a newcomer works with.
pub const TENANT: &str = "development";
/// Another app with the same identity provider, to try what must stay apart.
pub const SECOND_TENANT: &str = "second";
/// Generous: a person and a test suite share one machine.
const REQUESTS_PER_MINUTE: u32 = 6_000;
/// The algorithms that the identity provider signs good tokens with.
const ALGORITHMS: &[&str] = &["RS256", "PS256", "ES256"];

/// The documents of the embedded default's tenants. A tenant's audience is its own name.
pub(super) fn documents(
    provider: &IdentityProvider,
    authorities_pem: &str,
    origins: &[String],
) -> Vec<TenantDocument> {
    let development = issuer(provider.development(), TENANT, authorities_pem);
    let partner = issuer(provider.partner(), TENANT, authorities_pem);
    let second = issuer(provider.development(), SECOND_TENANT, authorities_pem);
    vec![
        document(TENANT, vec![development, partner], origins),
        document(SECOND_TENANT, vec![second], origins),
    ]
}

fn document(tenant: &str, issuers: Vec<Issuer>, origins: &[String]) -> TenantDocument {
    TenantDocument {
        version: 1,
        tenant: tenant_id(tenant),
        serial: 1,
        issuers,
        origins: origins.to_vec(),
        session_lifetime_s: sharekeep_schemas::limits::SESSION_LIFETIME_S,
        requests_per_minute: REQUESTS_PER_MINUTE,
    }
}

fn issuer(from: &identity_provider::Issuer, audience: &str, authorities_pem: &str) -> Issuer {
    Issuer {
        issuer: from.url().to_owned(),
        audiences: vec![audience.to_owned()],
        algorithms: ALGORITHMS.iter().map(ToString::to_string).collect(),
        keys: IssuerKeys::Fetched {
            jwks_uri: from.jwks_uri(),
            authorities_pem: Some(authorities_pem.to_owned()),
        },
        binding: TokenBinding::Nonce,
    }
}

/// A tenant's id from one of the names here.
pub(crate) fn tenant_id(name: &str) -> TenantId {
    name.parse().expect("the tenants' names are constants and valid")
}
