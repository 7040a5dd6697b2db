use crate::error::{Error, Result};
use crate::gate::Edge;
use http::HeaderValue;
use std::time::Duration;

/// PCR0, 1 and 2 of an image, in this order.
pub type Pcrs = Vec<Vec<u8>>;

/// Length of a PCR in bytes: it is a SHA-384.
const PCR_BYTES: usize = 48;
/// Most images that are expected at once.
const MAX_IMAGES: usize = 2;

/// What a deployment can set. Everything a decision of weight hangs on is in the tenant documents
/// and in the enclave instead.
#[derive(Clone, Debug)]
pub struct Config {
    /// Origins of web pages that may call, for CORS. Browsers enforce it, attackers do not: it
    /// protects nothing that the signatures do not.
    pub cors_origins: Vec<HeaderValue>,
    /// The images that a ready enclave may be of: one, or two while the one replaces the other. Empty
    /// when only debug enclaves (all zero) are to be called unready. Clients check the attestation
    /// document instead.
    pub expected_pcrs: Vec<Pcrs>,
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
    /// Reads `SHAREKEEP_CORS_ORIGINS`, separated by commas; `SHAREKEEP_EXPECTED_PCRS`, one or two
    /// images separated by a semicolon, each three PCRs (hex) separated by commas; `SHAREKEEP_EDGE_HOST` with `SHAREKEEP_EDGE_SECRET_SHA256` (one or two, hex, separated
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
        if let Some(images) = value("SHAREKEEP_EXPECTED_PCRS") {
            config.expected_pcrs = images.split(';').map(pcrs).collect::<Result<_>>()?;
            if config.expected_pcrs.len() > MAX_IMAGES {
                return Err(WRONG_PCRS);
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

const WRONG_PCRS: Error = Error::Setting("SHAREKEEP_EXPECTED_PCRS");

fn pcrs(image: &str) -> Result<Pcrs> {
    let pcrs: Pcrs = image
        .split(',')
        .map(|pcr| hex::decode(pcr.trim()).map_err(|_| WRONG_PCRS))
        .collect::<Result<_>>()?;
    if pcrs.len() != 3 || pcrs.iter().any(|pcr| pcr.len() != PCR_BYTES) {
        return Err(WRONG_PCRS);
    }
    Ok(pcrs)
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// How long an enclave may take for one request, in all calls together. Below API Gateway's 29 s, so that the answer is still
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
    }

    #[test]
    fn one_image_is_expected_or_two_while_the_one_replaces_the_other() {
        let config = |text: String| {
            Config::from_values(move |asked| {
                (asked == "SHAREKEEP_EXPECTED_PCRS").then(|| text.clone())
            })
        };
        let image = |byte: &str| [byte, "00", "11"].map(|byte| byte.repeat(48)).join(",");
        let (running, next) = (image("aa"), image("bb"));
        assert!(config("".into()).is_err(), "set to nothing is a mistake");
        assert_eq!(config(running.clone()).unwrap().expected_pcrs.len(), 1);
        let both = config(format!("{running};{next}")).unwrap().expected_pcrs;
        assert_eq!(both[0], [vec![0xaa; 48], vec![0; 48], vec![0x11; 48]]);
        assert_eq!(both[1][0], vec![0xbb; 48]);
        for wrong in [
            "00,11".to_owned(),
            "zz,zz,zz".to_owned(),
            format!("{running},{next}"),
            format!("{running};"),
            format!("{running};{next};{running}"),
            format!("{running};{}", &next[..next.len() - 2]),
        ] {
            assert!(config(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
