use crate::error::{Error, Result};
use crate::gate::Edge;
use http::HeaderValue;
use std::time::Duration;

/// What a deployment can set. Everything a decision of weight hangs on is in the tenant documents
/// and in the enclave instead.
#[derive(Clone, Debug)]
pub struct Config {
    /// Origins of web pages that may call, for CORS. Browsers enforce it, attackers do not: it
    /// protects nothing that the signatures do not.
    pub cors_origins: Vec<HeaderValue>,
    /// PCR0, 1 and 2 that a ready enclave shows; empty when only debug enclaves (all zero) are to
    /// be called unready. Clients check the attestation document instead.
    pub expected_pcrs: Vec<Vec<u8>>,
    /// The distribution in front, where there is one.
    pub edge: Option<Edge>,
    /// Requests a minute, per caller's address, that nobody has signed for a known session:
    /// attestations and openings of sessions. An IPv6 /56 has four times as many, a /48 sixteen times.
    pub unsigned_per_minute_per_address: u32,
    /// Openings of sessions a minute, per tenant, that the enclave has accepted.
    pub openings_per_minute_per_tenant: u32,
    /// Guesses at passcodes and settings of passcodes a minute, per user.
    pub guesses_per_minute_per_user: u32,
    /// Changes of factors and restores a minute, per user. A restore takes
    /// [`MAX_WALLETS_PER_RESTORE`](sharekeep_schemas::limits::MAX_WALLETS_PER_RESTORE) wallets
    /// at a time.
    pub recoveries_per_minute_per_user: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cors_origins: Vec::new(),
            expected_pcrs: Vec::new(),
            edge: None,
            unsigned_per_minute_per_address: 120,
            openings_per_minute_per_tenant: 6_000,
            guesses_per_minute_per_user: 12,
            recoveries_per_minute_per_user: 30,
        }
    }
}

impl Config {
    /// Reads `SHAREKEEP_CORS_ORIGINS` and `SHAREKEEP_EXPECTED_PCRS` (hex), both separated by
    /// commas; `SHAREKEEP_EDGE_HOST` with `SHAREKEEP_EDGE_SECRET_SHA256` (one or two, hex, separated
    /// by a comma). What is not set keeps its default, and so does an edge's host that is empty.
    pub fn from_environment() -> Result<Self> {
        Self::from_values(|name| std::env::var(name).ok())
    }

    fn from_values(value: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut config = Self::default();
        if let Some(origins) = value("SHAREKEEP_CORS_ORIGINS") {
            config.cors_origins = parts(&origins)
                .map(|origin| origin.parse().map_err(|_| Error::Setting("SHAREKEEP_CORS_ORIGINS")))
                .collect::<Result<_>>()?;
        }
        if let Some(pcrs) = value("SHAREKEEP_EXPECTED_PCRS") {
            config.expected_pcrs = parts(&pcrs)
                .map(|pcr| hex::decode(pcr).map_err(|_| Error::Setting("SHAREKEEP_EXPECTED_PCRS")))
                .collect::<Result<_>>()?;
            if config.expected_pcrs.len() != 3 || config.expected_pcrs.iter().any(|p| p.len() != 48)
            {
                return Err(Error::Setting("SHAREKEEP_EXPECTED_PCRS"));
            }
        }
        if let Some(host) = value("SHAREKEEP_EDGE_HOST").filter(|host| !host.is_empty()) {
            let name = "SHAREKEEP_EDGE_SECRET_SHA256";
            let wrong = || Error::Setting(name);
            let hash = |text| {
                hex::decode(text).ok().and_then(|hash| hash.try_into().ok()).ok_or_else(wrong)
            };
            let secrets = value(name).ok_or_else(wrong)?;
            config.edge =
                Some(Edge::new(&host, parts(&secrets).map(hash).collect::<Result<_>>()?)?);
        }
        Ok(config)
    }
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// How long one call of an enclave may take. Below API Gateway's 29 s, so that the answer is still
/// ours, and below the idempotency lease, so that nobody starts the same work meanwhile.
pub(crate) const ENCLAVE_CALL_TIMEOUT: Duration = Duration::from_secs(25);

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, text: &'static str) -> Result<Config> {
        Config::from_values(|asked| (asked == name).then(|| text.to_owned()))
    }

    #[test]
    fn an_edge_has_a_host_and_the_hash_of_a_secret() {
        let config = |host: &'static str, hash: Option<String>| {
            Config::from_values(move |asked| match asked {
                "SHAREKEEP_EDGE_HOST" => Some(host.to_owned()),
                "SHAREKEEP_EDGE_SECRET_SHA256" => hash.clone(),
                _ => None,
            })
        };
        let hash = "ab".repeat(32);
        assert!(config("api.example", Some(hash.clone())).unwrap().edge.is_some());
        assert!(config("api.example", Some(format!("{hash},{hash}"))).unwrap().edge.is_some());
        assert!(config("", None).unwrap().edge.is_none());
        for wrong in [None, Some(String::new()), Some("the secret itself".to_owned())] {
            assert!(config("api.example", wrong).is_err());
        }
    }

    #[test]
    fn lists_are_read_and_malformed_ones_are_refused() {
        let config =
            with("SHAREKEEP_CORS_ORIGINS", "https://a.example, https://b.example,").unwrap();
        assert_eq!(config.cors_origins.len(), 2);
        assert!(with("SHAREKEEP_CORS_ORIGINS", "https://a.exa\nmple").is_err());
        assert!(with("SHAREKEEP_EXPECTED_PCRS", "00,11").is_err());
        assert!(with("SHAREKEEP_EXPECTED_PCRS", "zz,zz,zz").is_err());
    }
}
