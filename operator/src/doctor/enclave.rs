use super::{Expected, Seen};
use crate::{Error, Result};
use serde_json::Value;
use sharekeep::terminal::Findings;
use sharekeep::terminal::Health::{Bad, Good, Warning};
use sharekeep_channel::attestation::{Pcr, PcrSet};
use sharekeep_schemas::http::Readiness;
use sharekeep_schemas::limits::MAX_CLOCK_SKEW_S;

/// The images that may run.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    /// The one that runs.
    pub running: PcrSet,
    /// The one that takes over.
    pub next: Option<PcrSet>,
}

/// Reads an image's measurements: a JSON object with `PCR0`, `PCR1` and `PCR2` in hexadecimal, as
/// `infra/deploy` and `nitro-cli` (one level deeper, under `Measurements`) have it; other members say
/// nothing. Attestations write the names in lower case: that is taken too.
///
/// # Errors
/// [`Error::Usage`] if one is missing, malformed, or all zero as in debug mode.
pub fn read_measurements(json: &[u8]) -> Result<PcrSet> {
    let found: Value = serde_json::from_slice(json)
        .map_err(|_| Error::Usage("the measurements are no JSON".to_owned()))?;
    let found = found.get("Measurements").unwrap_or(&found);
    let pcr = |number: usize| {
        let text = ["PCR", "pcr"].iter().find_map(|it| found.get(format!("{it}{number}")));
        let pcr = text.and_then(|it| serde_json::from_value::<Pcr>(lower_case(it)).ok());
        pcr.filter(|pcr| !pcr.is_zero()).ok_or_else(|| {
            let why = format!("the measurements have no PCR{number}, or an impossible one");
            Error::Usage(why)
        })
    };
    Ok(PcrSet { pcr0: pcr(0)?, pcr1: pcr(1)?, pcr2: pcr(2)? })
}

fn lower_case(text: &Value) -> Value {
    text.as_str().map(str::to_ascii_lowercase).into()
}

/// What an attestation document that verified says.
#[derive(Clone, Debug)]
pub struct EnclaveSeen {
    /// The measured image.
    pub pcrs: PcrSet,
    /// Hash of the trust configuration in it.
    pub trust_hash: [u8; 32],
    /// The enclave's time.
    pub time_unix_ms: u64,
}

/// The service as its users see it.
#[derive(Clone, Debug)]
pub struct ServiceSeen {
    /// What it says of itself.
    pub readiness: Seen<Readiness>,
    /// The enclave behind it, attested against the pinned root and the releases that the service hands
    /// out.
    pub enclave: Seen<EnclaveSeen>,
}

const SERVICE: &str = "service";
const ENCLAVE: &str = "enclave";

pub(super) fn examine(
    expected: &Expected,
    seen: Option<&ServiceSeen>,
    now_unix_ms: u64,
    found: &mut Findings,
) {
    let Some(seen) = seen else {
        let detail = "not looked at: give its address with --url";
        return found.add(SERVICE, Warning, detail);
    };
    check_readiness(&seen.readiness, found);
    let enclave = match &seen.enclave {
        Ok(enclave) => enclave,
        Err(why) => return found.add(ENCLAVE, Bad, format!("it is not what it must be: {why}")),
    };
    // Signers released it; the policy must agree.
    if enclave.pcrs == expected.image.running {
        let detail = format!("attested, the image of the key's policy: PCR0 {}", enclave.pcrs.pcr0);
        found.add(ENCLAVE, Good, detail);
    } else if Some(enclave.pcrs) == expected.image.next {
        found.add(ENCLAVE, Good, format!("attested, the next image: PCR0 {}", enclave.pcrs.pcr0));
    } else {
        let detail = "attested, but not an image that the key's policy names";
        found.add(ENCLAVE, Bad, detail);
    }
    if enclave.trust_hash == expected.trust_hash {
        found.add("trust configuration", Good, "the enclave's is this one");
    } else {
        let detail = "the enclave was built with another one: check --trust, and which image was built \
                      with it";
        found.add("trust configuration", Bad, detail);
    }
    check_clock(enclave.time_unix_ms, now_unix_ms, found);
}

fn check_readiness(seen: &Seen<Readiness>, found: &mut Findings) {
    match seen {
        Ok(readiness) if readiness.ready => found.add(SERVICE, Good, "ready"),
        Ok(readiness) => {
            let failing = readiness.checks.iter().filter(|check| !check.ok);
            let failing: Vec<_> =
                failing.map(|check| format!("{} ({})", check.name, check.detail)).collect();
            found.add(SERVICE, Bad, format!("not ready: {}", failing.join(", ")));
        }
        Err(why) => found.add(SERVICE, Bad, why),
    }
}

/// The functions compare theirs with the enclave's themselves: that is one of the readiness checks.
fn check_clock(enclave_unix_ms: u64, now_unix_ms: u64, found: &mut Findings) {
    let skew = enclave_unix_ms.abs_diff(now_unix_ms) / 1000;
    let detail = format!("the enclave's is {skew} s from this machine's");
    match skew {
        0..5 => found.add("clock", Good, detail),
        5..MAX_CLOCK_SKEW_S => found.add("clock", Warning, detail),
        _ => {
            let detail = format!("{detail}: set this machine's clock, or the hosts'");
            found.add("clock", Bad, detail);
        }
    }
}

/// What is true however well a deployment is run.
pub(super) fn say_what_nobody_can_check(found: &mut Findings) {
    let detail = "the limit of guesses holds against outsiders and against who steals the tables; \
                  restarting enclaves over old tables gives guesses back, at a limited rate";
    found.add("rollback", Warning, detail);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn measurements_are_read_as_they_were_written_where_the_image_was_built() {
        let [one, two, three] = ["AB", "CD", "EF"].map(|byte| byte.repeat(48));
        let plain = json!({ "PCR0": one, "PCR1": two, "PCR2": three });
        let mut more = plain.clone();
        more["HashAlgorithm"] = json!("Sha384 { ... }");
        let from_nitro_cli = json!({ "Measurements": more });
        let of_users = json!({ "pcr0": one, "pcr1": two, "pcr2": three });
        let read = |json: &Value| read_measurements(json.to_string().as_bytes());
        let expected = PcrSet::from([[0xab; 48], [0xcd; 48], [0xef; 48]]);
        for json in [&plain, &from_nitro_cli, &of_users] {
            assert_eq!(read(json).unwrap(), expected);
        }
        for bad in [json!(null), json!("0".repeat(96)), json!("00"), json!(0)] {
            let mut json = plain.clone();
            json["PCR1"] = bad;
            assert!(read(&json).is_err(), "{json}");
        }
        assert!(read_measurements(b"PCR0").is_err());
    }
}
