//! Looks at everything that can be wrong, and says what to do about it.

use crate::arguments::Common;
use crate::context::{closed_home, now_unix_s};
use crate::output::Report;
use crate::{prompt, release};
use sharekeep::terminal::Findings;
use sharekeep::terminal::Health::{self, Bad, Good, Warning};
use sharekeep::{AttestedImage, Client, Holding, Home, OpenHome, Releases, Result};
use sharekeep_channel::attestation::PcrSet;
use sharekeep_schemas::limits::MAX_CLOCK_SKEW_S;
use sharekeep_schemas::{PreparationScope, Protocol, WalletStatus};

pub(crate) async fn run(common: &Common) -> Result<Report> {
    let home = closed_home(common)?;
    let mut findings = Findings::default();
    let found = &mut findings;
    found.add("settings", Good, format!("{} at {}", home.settings().tenant, home.settings().url));
    check_files(&home, found)?;
    let client = Client::new(home.settings().clone(), home.releases()?, home.pins()?)?;
    check_service(&client, found).await;
    let before = client.pins().and_then(|pins| pins.image);
    check_enclave(&client, before.as_ref(), found).await;
    home.keep_releases(&client.releases())?;
    if let Some(pins) = client.pins() {
        home.store_pins(&pins)?;
    }
    if prompt::has_passphrase(common) {
        let home = home.unlock(&prompt::passphrase(common)?)?;
        found.add("passphrase", Good, "opens this device's files");
        check_session(&home, &client, found).await?;
        check_wallets(&home, found)?;
    } else {
        let detail = "none given: session and wallets were not looked at";
        found.add("passphrase", Warning, detail);
    }
    Ok(findings.report())
}

fn check_files(home: &Home, found: &mut Findings) -> Result<()> {
    let exposed = home.exposed()?;
    if exposed.is_empty() {
        found.add("files", Good, "only you can read them");
    }
    for path in exposed {
        let detail = format!("others can reach {}: chmod go-rwx it", path.display());
        found.add("files", Bad, detail);
    }
    Ok(())
}

async fn check_service(client: &Client, found: &mut Findings) {
    match client.readiness().await {
        Ok(readiness) if readiness.ready => found.add("service", Good, "ready"),
        Ok(readiness) => {
            let failing: Vec<_> =
                readiness.checks.iter().filter(|c| !c.ok).map(|c| c.name.as_str()).collect();
            found.add("service", Bad, format!("not ready: {}", failing.join(", ")));
        }
        Err(error) => found.add("service", Bad, error.to_string()),
    }
}

async fn check_enclave(client: &Client, before: Option<&AttestedImage>, found: &mut Findings) {
    let identity = match client.attest().await {
        Ok(identity) => identity,
        Err(error) => return found.add("enclave", Bad, error.to_string()),
    };
    let pcrs = &identity.pcrs;
    let detail = format!("attested: PCR0 {}, PCR1 {}, PCR2 {}", pcrs.pcr0, pcrs.pcr1, pcrs.pcr2);
    found.add("enclave", Good, detail);
    let (health, detail) = image(before, pcrs, &client.releases());
    found.add("image", health, detail);
    found.add("release", Good, released(pcrs, client));
    let (health, detail) = clock(now_unix_s().abs_diff(identity.timestamp_unix_ms / 1000));
    found.add("clock", health, detail);
    for (what, detail) in LIMITS_OF_TRUST {
        found.add(*what, Warning, *detail);
    }
}

/// What no check can make better.
const LIMITS_OF_TRUST: &[(&str, &str)] = &[
    (
        "rollback",
        "an operator who restarts enclaves over old tables can set records back; this device \
         notices when it changes a wallet that it has a receipt of",
    ),
    (
        "guesses",
        "the limit of guesses at a passcode holds against outsiders and against who steals the \
         database; it only slows an operator who restarts enclaves over old tables",
    ),
];

/// The release of the image that answered.
fn released(pcrs: &PcrSet, client: &Client) -> String {
    let (releases, keys) = (client.releases(), &client.settings().release_keys);
    let described = release::with_signers(&releases, keys)
        .filter(|(release, _)| release.measurements() == *pcrs)
        .map(|(it, signers)| release::described(it, signers.len(), keys))
        .last();
    let minimum = releases.minimum_version();
    format!("{}; this device accepts none below {minimum}", described.unwrap_or_default())
}

/// Whether the image is the one of last time, and of the latest release that this device knows.
fn image(before: Option<&AttestedImage>, now: &PcrSet, releases: &Releases) -> (Health, String) {
    if before.is_some_and(|before| before.pcrs != *now) {
        return (
            Warning,
            "trusted, and another one than last time: was a new one announced?".into(),
        );
    }
    match releases.iter().next_back() {
        Some(latest) if latest.measurements() != *now => (
            Warning,
            format!(
                "trusted, and an older one than release {}, which is signed: ask who runs the service \
                 when it will be in use",
                latest.version()
            ),
        ),
        _ => (Good, "the one of the latest release that this device knows".into()),
    }
}

fn clock(skew: u64) -> (Health, String) {
    let detail = format!("{skew} s from the enclave's");
    match skew {
        0..5 => (Good, detail),
        5..MAX_CLOCK_SKEW_S => (Warning, detail),
        _ => (Bad, format!("{detail}: requests will be refused; set this device's clock")),
    }
}

async fn check_session(home: &OpenHome, client: &Client, found: &mut Findings) -> Result<()> {
    let Some(session) = home.session()? else {
        found.add("session", Warning, "not signed in: run `sharekeep login`");
        return Ok(());
    };
    if session.token_unbound {
        let detail = "this tenant does not bind tokens to devices: whoever steals one can sign in";
        found.add("tenant", Warning, detail);
    }
    if session.is_over(now_unix_s()) {
        found.add("session", Warning, "expired: run `sharekeep login`");
        return Ok(());
    }
    match client.list_sessions(&session).await {
        Ok(sessions) => {
            found.add("session", Good, format!("one of {} of the user", sessions.len()));
        }
        Err(error) => found.add("session", Bad, error.to_string()),
    }
    Ok(())
}

fn check_wallets(home: &OpenHome, found: &mut Findings) -> Result<()> {
    match home.recovery()? {
        Some(_) => found.add("recovery", Good, "set up; `sharekeep backup verify` checks"),
        None => {
            let detail = "not set up: run `sharekeep recovery setup`, or `sharekeep restore`";
            found.add("recovery", Warning, detail);
        }
    }
    let wallets = home.wallets()?;
    if wallets.is_empty() {
        found.add("wallets", Good, "none yet");
    }
    for wallet in &wallets {
        let id = wallet.id;
        if wallet.holding != Holding::Registered {
            let detail = format!("{id} came from a backup: run `sharekeep restore`");
            found.add("wallets", Warning, detail);
            continue;
        }
        match wallet.status {
            WalletStatus::Active if wallet.backup.is_none() => {
                let detail = format!("{id}: no backup is known here: run `sharekeep prepare`");
                found.add("backups", Warning, detail);
            }
            WalletStatus::Active => {}
            WalletStatus::Pending => {
                let detail = format!("{id} is half-made: activate it or forget it");
                found.add("wallets", Warning, detail);
            }
            WalletStatus::Locked => {
                let detail = format!("{id} is locked after a failed proof");
                found.add("wallets", Bad, detail);
            }
            WalletStatus::Archived => {}
        }
    }
    let uses_cggmp24 = wallets.iter().any(|w| w.protocol == Protocol::Cggmp24);
    if uses_cggmp24 && !home.has_preparation(PreparationScope::Pair(Protocol::Cggmp24)) {
        let detail = "the next cggmp24 signature waits for it: run `sharekeep prepare`";
        found.add("preparation", Warning, detail);
    }
    if uses_cggmp24
        && home.has_preparation(PreparationScope::Pair(Protocol::Cggmp24))
        && home.wants_fresh_preparation()?
    {
        let detail = "it came with a backup: `sharekeep prepare --again` makes a fresh one";
        found.add("preparation", Warning, detail);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(byte: u8) -> PcrSet {
        PcrSet::from([[byte; 48]; 3])
    }

    /// Release n is of image n.
    fn released_up_to(last: u8) -> Releases {
        let signer = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
        let key = (&signer.verifying_key()).try_into().unwrap();
        let keys = sharekeep::ReleaseKeys::new("here", 1, [key]).unwrap();
        let mut releases = Releases::none();
        for number in 1..=last {
            let version = u64::from(number);
            let release = sharekeep::Release::new("here", version, 1, measured(number), None);
            let mut signed = sharekeep::SignedRelease::unsigned(release.unwrap());
            signed.sign(&signer).unwrap();
            releases.add(&keys, signed).unwrap();
        }
        releases
    }

    fn attested(byte: u8) -> AttestedImage {
        let key = sharekeep_channel::receipt::StatementKey::from_sealing_bytes(&[9; 32]).unwrap();
        AttestedImage {
            enclave_key: sharekeep_channel::encapsulation::EnclavePublicKey::from_bytes([9; 32])
                .unwrap(),
            pcrs: measured(byte),
            trust_config_hash: sharekeep_channel::attestation::TrustConfigHash::from_bytes(
                *key.public_key().as_bytes(),
            ),
            verified_at_unix_s: 0,
        }
    }

    #[test]
    fn an_image_that_changed_since_last_time_is_pointed_out() {
        let one = released_up_to(1);
        assert_eq!(image(Some(&attested(1)), &measured(1), &one).0, Good);
        assert_eq!(image(None, &measured(1), &one).0, Good);
        assert_eq!(image(Some(&attested(2)), &measured(1), &one).0, Warning);
    }

    #[test]
    fn an_image_older_than_the_latest_release_is_pointed_out() {
        let two = released_up_to(2);
        assert_eq!(image(Some(&attested(1)), &measured(1), &two).0, Warning);
        assert_eq!(image(Some(&attested(2)), &measured(2), &two).0, Good);
    }

    #[test]
    fn a_clock_that_makes_the_service_refuse_is_a_problem() {
        assert_eq!(
            [0, 4, 5, 59, 60].map(|skew| clock(skew).0),
            [Good, Good, Warning, Warning, Bad]
        );
    }
}
