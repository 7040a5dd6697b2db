//! Looks at everything that can be wrong, and says what to do about it.

use crate::arguments::Common;
use crate::context::{closed_home, now_unix_s};
use crate::exit;
use crate::output::{Report, table};
use crate::prompt;
use serde_json::json;
use sharekeep::{Client, Holding, Home, OpenHome, Result};
use sharekeep_schemas::limits::MAX_CLOCK_SKEW_S;
use sharekeep_schemas::{PreparationScope, Protocol, WalletStatus};

/// How something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Health {
    Good,
    Warning,
    Bad,
}

struct Finding {
    what: &'static str,
    health: Health,
    detail: String,
}

/// What was found so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, what: &'static str, health: Health, detail: impl Into<String>) {
        self.0.push(Finding { what, health, detail: detail.into() });
    }

    fn report(&self) -> Report {
        let word = |health| match health {
            Health::Good => "ok",
            Health::Warning => "warning",
            Health::Bad => "problem",
        };
        let rows: Vec<_> = self
            .0
            .iter()
            .map(|f| vec![word(f.health).to_owned(), f.what.to_owned(), f.detail.clone()])
            .collect();
        let checks: Vec<_> = self
            .0
            .iter()
            .map(|f| json!({ "check": f.what, "result": word(f.health), "detail": f.detail }))
            .collect();
        let bad = self.0.iter().any(|f| f.health == Health::Bad);
        let code = if bad { exit::UNHEALTHY } else { 0 };
        Report { text: table(&rows), json: json!({ "ok": !bad, "checks": checks }), code }
    }
}

pub(crate) async fn run(common: &Common) -> Result<Report> {
    let home = closed_home(common)?;
    let mut findings = Findings::default();
    let found = &mut findings;
    found.add(
        "settings",
        Health::Good,
        format!("{} at {}", home.settings().tenant, home.settings().url),
    );
    check_files(&home, found)?;
    let client = Client::new(home.settings().clone(), home.pins()?)?;
    check_service(&client, found).await;
    check_enclave(&client, found).await;
    if let Some(pins) = client.pins() {
        home.store_pins(&pins)?;
    }
    if prompt::has_passphrase(common) {
        let home = home.unlock(&prompt::passphrase(common)?)?;
        found.add("passphrase", Health::Good, "opens this device's files");
        check_session(&home, &client, found).await?;
        check_wallets(&home, found)?;
    } else {
        let detail = "none given: session and wallets were not looked at";
        found.add("passphrase", Health::Warning, detail);
    }
    Ok(findings.report())
}

fn check_files(home: &Home, found: &mut Findings) -> Result<()> {
    let exposed = home.exposed()?;
    if exposed.is_empty() {
        found.add("files", Health::Good, "only you can read them");
    }
    for path in exposed {
        let detail = format!("others can reach {}: chmod go-rwx it", path.display());
        found.add("files", Health::Bad, detail);
    }
    Ok(())
}

async fn check_service(client: &Client, found: &mut Findings) {
    match client.readiness().await {
        Ok(readiness) if readiness.ready => found.add("service", Health::Good, "ready"),
        Ok(readiness) => {
            let failing: Vec<_> =
                readiness.checks.iter().filter(|c| !c.ok).map(|c| c.name.as_str()).collect();
            found.add("service", Health::Bad, format!("not ready: {}", failing.join(", ")));
        }
        Err(error) => found.add("service", Health::Bad, error.to_string()),
    }
}

async fn check_enclave(client: &Client, found: &mut Findings) {
    let identity = match client.attest().await {
        Ok(identity) => identity,
        Err(error) => return found.add("enclave", Health::Bad, error.to_string()),
    };
    found.add("enclave", Health::Good, format!("attested, PCR0 {}", identity.pcrs.pcr0));
    let skew = now_unix_s().abs_diff(identity.timestamp_unix_ms / 1000);
    let detail = format!("{skew} s from the enclave's");
    match skew {
        0..5 => found.add("clock", Health::Good, detail),
        5..MAX_CLOCK_SKEW_S => found.add("clock", Health::Warning, detail),
        _ => found.add("clock", Health::Bad, format!("{detail}: requests will be refused")),
    }
    let detail = "an operator who restarts enclaves over old tables can set records back; \
                  this device notices when it changes a wallet that it has a receipt of";
    found.add("rollback", Health::Warning, detail);
}

async fn check_session(home: &OpenHome, client: &Client, found: &mut Findings) -> Result<()> {
    let Some(session) = home.session()? else {
        found.add("session", Health::Warning, "not signed in: run `sharekeep login`");
        return Ok(());
    };
    if session.token_unbound {
        let detail = "this tenant does not bind tokens to devices: whoever steals one can sign in";
        found.add("tenant", Health::Warning, detail);
    }
    if session.is_over(now_unix_s()) {
        found.add("session", Health::Warning, "expired: run `sharekeep login`");
        return Ok(());
    }
    match client.list_sessions(&session).await {
        Ok(sessions) => {
            found.add("session", Health::Good, format!("one of {} of the user", sessions.len()));
        }
        Err(error) => found.add("session", Health::Bad, error.to_string()),
    }
    Ok(())
}

fn check_wallets(home: &OpenHome, found: &mut Findings) -> Result<()> {
    match home.recovery()? {
        Some(_) => found.add("recovery", Health::Good, "set up; `sharekeep backup verify` checks"),
        None => {
            let detail = "not set up: run `sharekeep recovery setup`, or `sharekeep restore`";
            found.add("recovery", Health::Warning, detail);
        }
    }
    let wallets = home.wallets()?;
    if wallets.is_empty() {
        found.add("wallets", Health::Good, "none yet");
    }
    for wallet in &wallets {
        let id = wallet.id;
        if wallet.holding != Holding::Registered {
            let detail = format!("{id} came from a backup: run `sharekeep restore`");
            found.add("wallets", Health::Warning, detail);
            continue;
        }
        match wallet.status {
            WalletStatus::Active if wallet.backup.is_none() => {
                let detail = format!("{id}: no backup is known here: run `sharekeep prepare`");
                found.add("backups", Health::Warning, detail);
            }
            WalletStatus::Active => {}
            WalletStatus::Pending => {
                let detail = format!("{id} is half-made: activate it or forget it");
                found.add("wallets", Health::Warning, detail);
            }
            WalletStatus::Locked => {
                let detail = format!("{id} is locked after a failed proof");
                found.add("wallets", Health::Bad, detail);
            }
            WalletStatus::Archived => {}
        }
    }
    let uses_cggmp24 = wallets.iter().any(|w| w.protocol == Protocol::Cggmp24);
    if uses_cggmp24 && !home.has_preparation(PreparationScope::Pair(Protocol::Cggmp24)) {
        let detail = "the next cggmp24 signature waits for it: run `sharekeep prepare`";
        found.add("preparation", Health::Warning, detail);
    }
    if uses_cggmp24
        && home.has_preparation(PreparationScope::Pair(Protocol::Cggmp24))
        && home.wants_fresh_preparation()?
    {
        let detail = "it came with a backup: `sharekeep prepare --again` makes a fresh one";
        found.add("preparation", Health::Warning, detail);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_alone_do_not_fail_a_script() {
        let mut findings = Findings::default();
        findings.add("a", Health::Good, "");
        findings.add("b", Health::Warning, "");
        assert_eq!(findings.report().code, 0);
        findings.add("c", Health::Bad, "");
        assert_eq!(findings.report().code, exit::UNHEALTHY);
    }
}
