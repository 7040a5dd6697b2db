use super::ClientAddress;
use crate::error::{Error, Result};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use sha2::{Digest, Sha256};
use sharekeep_schemas::ProblemCode;
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// What the edge proves itself with: a secret that only it sends.
const SECRET: HeaderName = HeaderName::from_static("x-sharekeep-edge");
/// Whom the edge saw; it overwrites what a caller wrote there.
const VIEWER: HeaderName = HeaderName::from_static("x-sharekeep-viewer");

/// A distribution with a firewall in front of the interface (`infra/templates/edge.yaml`). With one, a
/// request that comes past it is refused; host and caller's address are the ones it saw.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The host that clients connect to and sign for.
    host: HeaderValue,
    /// SHA-256 of the secret; two while it is being changed. The secret itself is not held here, and a
    /// random one of 48 characters is not found from its hash.
    secrets_sha256: Vec<[u8; 32]>,
}

impl Edge {
    /// An edge that clients reach as `host` and that knows one of these secrets.
    ///
    /// # Errors
    /// [`Error::Setting`] if the host is none, or there is no secret.
    pub fn new(host: &str, secrets_sha256: Vec<[u8; 32]>) -> Result<Self> {
        let authority: Authority = host.parse().map_err(|_| Error::Setting("edge host"))?;
        if secrets_sha256.is_empty() {
            return Err(Error::Setting("edge secret"));
        }
        let host = authority.as_str().to_ascii_lowercase();
        let host = HeaderValue::try_from(host).map_err(|_| Error::Setting("edge host"))?;
        Ok(Self { host, secrets_sha256 })
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(SECRET).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let hash: [u8; 32] = Sha256::digest(value.as_bytes()).into();
        let matches = |known: &[u8; 32]| known.ct_eq(&hash);
        self.secrets_sha256.iter().map(matches).fold(Choice::from(0), |a, b| a | b).into()
    }

    /// The request as if the edge's caller had sent it here.
    fn admitted(&self, mut request: Request) -> Result<Request> {
        if !self.knows(request.headers()) {
            return Err(Error::refused(ProblemCode::NotFound));
        }
        let viewer = request.headers().get(VIEWER).and_then(|value| value.to_str().ok());
        if let Some(address) = viewer.and_then(|text| text.parse().ok()) {
            request.extensions_mut().insert(ClientAddress(address));
        }
        let path_and_query = request.uri().path_and_query().cloned();
        let mut parts = http::uri::Parts::default();
        parts.path_and_query = path_and_query;
        *request.uri_mut() =
            Uri::from_parts(parts).map_err(|_| Error::refused(ProblemCode::MalformedRequest))?;
        let headers = request.headers_mut();
        headers.remove(SECRET);
        headers.remove(VIEWER);
        headers.insert(header::HOST, self.host.clone());
        Ok(request)
    }
}

/// Lets only the edge's requests through.
pub(crate) async fn only_through(
    State(edge): State<Arc<Edge>>,
    request: Request,
    next: Next,
) -> Response {
    match edge.admitted(request) {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use std::net::IpAddr;

    fn edge() -> Edge {
        let hash = |text: &str| Sha256::digest(text).into();
        Edge::new("API.example", vec![hash("old secret"), hash("new secret")]).unwrap()
    }

    fn request(headers: &[(&HeaderName, &'static str)]) -> Request {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = "https://abc.execute-api.example/v1/wallets?limit=1".parse().unwrap();
        request.headers_mut().insert(header::HOST, "abc.execute-api.example".parse().unwrap());
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        request
    }

    #[test]
    fn a_call_past_the_edge_finds_nothing() {
        for headers in [
            &[][..],
            &[(&SECRET, "another")],
            &[(&SECRET, "")],
            &[(&SECRET, "new secret"), (&SECRET, "new secret")],
            &[(&VIEWER, "192.0.2.1")],
        ] {
            let refused = edge().admitted(request(headers)).unwrap_err();
            assert!(matches!(refused, Error::Refused { code: ProblemCode::NotFound, .. }));
        }
    }

    #[test]
    fn host_and_caller_are_the_ones_that_the_edge_saw() {
        for secret in ["old secret", "new secret"] {
            for viewer in ["192.0.2.1", "2001:db8::1"] {
                let admitted =
                    edge().admitted(request(&[(&SECRET, secret), (&VIEWER, viewer)])).unwrap();
                let address = admitted.extensions().get::<ClientAddress>().unwrap().0;
                assert_eq!(address, viewer.parse::<IpAddr>().unwrap());
                assert_eq!(admitted.uri(), "/v1/wallets?limit=1");
                assert_eq!(admitted.headers()[header::HOST], "api.example");
                assert!(!admitted.headers().contains_key(SECRET));
                assert!(!admitted.headers().contains_key(VIEWER));
            }
        }
    }

    #[test]
    fn an_edge_without_a_host_or_a_secret_is_refused() {
        assert!(Edge::new("", vec![[1; 32]]).is_err());
        assert!(Edge::new("not a host", vec![[1; 32]]).is_err());
        assert!(Edge::new("api.example", vec![]).is_err());
    }
}
