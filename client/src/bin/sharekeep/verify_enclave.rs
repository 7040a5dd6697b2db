use crate::arguments::Common;
use crate::context::closed_home;
use crate::output::{Report, table};
use serde_json::json;
use sharekeep::{Client, Result};

pub(crate) async fn run(common: &Common) -> Result<Report> {
    let home = closed_home(common)?;
    let client = Client::new(home.settings().clone(), home.pins()?)?;
    let identity = client.attest().await?;
    if let Some(pins) = client.pins() {
        home.store_pins(&pins)?;
    }
    let json = json!({
        "verified": true,
        "module": identity.module_id,
        "enclave_key": identity.enclave_key.id(),
        "statement_key": identity.statement_key,
        "trust_config_hash": identity.trust_config_hash,
        "pcrs": identity.pcrs,
        "attested_at_unix_ms": identity.timestamp_unix_ms,
    });
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let rows = [
        row("enclave", identity.module_id.clone()),
        row("enclave key", identity.enclave_key.id().to_string()),
        row("statement key", identity.statement_key.to_string()),
        row("trust configuration", identity.trust_config_hash.to_string()),
        row("PCR0", identity.pcrs.pcr0.to_string()),
        row("PCR1", identity.pcrs.pcr1.to_string()),
        row("PCR2", identity.pcrs.pcr2.to_string()),
    ];
    Ok(Report::new(format!("The enclave is what it should be.\n{}", table(&rows)), json))
}
