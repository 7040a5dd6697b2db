//! Where things are on the network, parsed once.

use crate::Error;
use http::Uri;
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, str::FromStr};

/// The service's base URL: `https://host[:port]`, or `http://` on this machine only.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceUrl {
    scheme: Scheme,
    authority: String,
}

/// A URL with a path, under the same rule: an identity provider or one of its endpoints.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProviderUrl(Uri);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scheme {
    Http,
    Https,
}

impl ServiceUrl {
    /// `host[:port]` as a signature names it: the scheme's own port is left out.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn join(&self, path_and_query: &str) -> String {
        format!("{self}{path_and_query}")
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.authority)
    }
}

impl FromStr for ServiceUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (scheme, uri) = parse(text)?;
        if !uri.path().trim_end_matches('/').is_empty() || uri.query().is_some() {
            return Err(usage(text, "it must end after the host and port"));
        }
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let own_port = match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        let authority = match uri.port_u16() {
            Some(port) if port != own_port => format!("{host}:{port}"),
            _ => host,
        };
        Ok(Self { scheme, authority })
    }
}

impl TryFrom<String> for ServiceUrl {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ServiceUrl> for String {
    fn from(url: ServiceUrl) -> Self {
        url.to_string()
    }
}

impl ProviderUrl {
    /// The URL with more path after it.
    pub(crate) fn below(&self, path: &str) -> String {
        format!("{}{path}", self.to_string().trim_end_matches('/'))
    }
}

impl fmt::Display for ProviderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ProviderUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map(|(_, uri)| Self(uri))
    }
}

fn parse(text: &str) -> Result<(Scheme, Uri), Error> {
    let uri: Uri = text.parse().map_err(|_| usage(text, "it is not a URL"))?;
    let host = uri.host().ok_or_else(|| usage(text, "it names no host"))?;
    if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err(usage(text, "credentials do not belong into a URL"));
    }
    match uri.scheme_str() {
        Some("https") => Ok((Scheme::Https, uri)),
        Some("http") if is_this_machine(host) => Ok((Scheme::Http, uri)),
        Some("http") => Err(usage(text, "plain http is for this machine only: use https")),
        _ => Err(usage(text, "it must begin with https://")),
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn usage(url: &str, why: &str) -> Error {
    // A URL with credentials must not be repeated on a screen or in a log.
    let shown = if url.contains('@') { "the URL" } else { url };
    Error::Usage(format!("{shown}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<ServiceUrl, Error> {
        text.parse()
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for good in ["http://127.0.0.1:8787", "http://[::1]:8787", "http://localhost:1"] {
            assert!(url(good).is_ok(), "{good}");
        }
        for bad in
            ["http://example.com", "http://127.0.0.1.example.com", "http://10.0.0.1", "ftp://a"]
        {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_authority_is_what_a_signature_names() {
        assert_eq!(url("https://Wallet.Example:443/").unwrap().authority(), "wallet.example");
        assert_eq!(url("https://wallet.example:8443").unwrap().authority(), "wallet.example:8443");
    }

    #[test]
    fn credentials_in_a_url_are_refused_and_not_repeated() {
        let error = url("https://user:hunter2@wallet.example").unwrap_err().to_string();
        assert!(!error.contains("hunter2"));
    }

    #[test]
    fn paths_and_queries_are_refused() {
        assert!(url("https://wallet.example/v1").is_err());
        assert!(url("https://wallet.example/?a=b").is_err());
    }
}
