use super::Roots;
use crate::Error;
use crate::ports::Egress;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use std::{fmt, io, sync::Arc, time::Duration};
use tokio_rustls::TlsConnector;

/// Longest time a whole exchange may take.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTPS client over the egress port: a connection for each request, no redirects, no proxies,
/// no cookies. What it fetches is rare (data keys, issuers' keys) and then cached.
#[derive(Clone)]
pub struct HttpsClient {
    egress: Arc<dyn Egress>,
    tls: TlsConnector,
}

impl fmt::Debug for HttpsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpsClient")
    }
}

impl HttpsClient {
    /// A client that trusts these authorities.
    ///
    /// # Errors
    /// [`Error::Authorities`] when they are none.
    pub fn new(egress: Arc<dyn Egress>, roots: Roots<'_>) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has the cipher suites of the default versions")
            .with_root_certificates(roots.store()?)
            .with_no_client_auth();
        Ok(Self { egress, tls: TlsConnector::from(Arc::new(config)) })
    }

    /// Sends one request and returns the head of the answer with its body to come.
    ///
    /// # Errors
    /// [`Error::Egress`], [`Error::EgressForbidden`] for anything but `https`, [`Error::Tls`].
    pub async fn send<B>(&self, mut request: Request<B>) -> Result<Response<Incoming>, Error>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let uri = request.uri().clone();
        let (Some("https"), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(Error::EgressForbidden);
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::EgressForbidden)?;
        let stream = self.egress.dial(host, uri.port_u16().unwrap_or(443)).await?;
        let tls = self.tls.connect(name, stream).await.map_err(Error::Tls)?;
        let broken = |_| Error::Egress(io::ErrorKind::BrokenPipe.into());
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(tls)).await.map_err(broken)?;
        tokio::spawn(async move {
            // Its end is seen by whoever waits for the answer.
            let _ = connection.await;
        });
        if let Some(authority) = uri.authority()
            && let Ok(value) = HeaderValue::from_str(authority.as_str())
        {
            request.headers_mut().entry(HOST).or_insert(value);
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() =
            path.parse::<Uri>().map_err(|_| Error::Answer("not an origin-form address"))?;
        sender.send_request(request).await.map_err(broken)
    }

    /// Fetches a document of at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Self::send`], and [`Error::Answer`] for anything but a 200 of allowed size.
    pub async fn get(&self, uri: &Uri, limit: usize) -> Result<Vec<u8>, Error> {
        let exchange = async {
            let request = Request::get(uri)
                .header("accept", "application/json")
                .body(Empty::<Bytes>::new())
                .map_err(|_| Error::EgressForbidden)?;
            let answer = self.send(request).await?;
            if answer.status() != StatusCode::OK {
                return Err(Error::Answer("not a 200"));
            }
            let body = Limited::new(answer.into_body(), limit).collect().await;
            Ok(body.map_err(|_| Error::Answer("too large or cut off"))?.to_bytes().to_vec())
        };
        tokio::time::timeout(EXCHANGE_TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(Error::Egress(io::ErrorKind::TimedOut.into())))
    }
}
