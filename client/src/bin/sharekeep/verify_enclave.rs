use crate::arguments::Common;
use crate::context::closed_home;
use crate::output::{Report, table};
use crate::release;
use serde_json::json;
use sharekeep::{Client, Error, Result};

pub(crate) async fn run(common: &Common) -> Result<Report> {
    let home = closed_home(common)?;
    let client = Client::new(home.settings().clone(), home.releases()?, home.pins()?)?;
    let attested = client.attest().await;
    // Also of an image that is refused something was learnt.
    home.keep_releases(&client.releases())?;
    let identity = attested?;
    if let Some(pins) = client.pins() {
        home.store_pins(&pins)?;
    }
    let (releases, keys) = (client.releases(), &home.settings().release_keys);
    let (release, signers) = release::with_signers(&releases, keys)
        .filter(|(release, _)| release.measurements() == identity.pcrs)
        .last()
        .ok_or_else(|| Error::UnknownImage(Box::new(identity.pcrs)))?;
    let json = json!({
        "verified": true,
        "module": identity.module_id,
        "enclave_key": identity.enclave_key.id(),
        "statement_key": identity.statement_key,
        "trust_config_hash": identity.trust_config_hash,
        "pcrs": identity.pcrs,
        "release": release::object(release, &signers),
        "attested_at_unix_ms": identity.timestamp_unix_ms,
    });
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let rows = [
        row("enclave", identity.module_id.clone()),
        row("enclave key", identity.enclave_key.id().to_string()),
        row("statement key", identity.statement_key.to_string()),
        row("trust configuration", identity.trust_config_hash.to_string()),
        row("release", release::described(release, signers.len(), keys)),
        row("PCR0", identity.pcrs.pcr0.to_string()),
        row("PCR1", identity.pcrs.pcr1.to_string()),
        row("PCR2", identity.pcrs.pcr2.to_string()),
    ];
    Ok(Report::new(format!("The enclave is what it should be.\n{}", table(&rows)), json))
}
