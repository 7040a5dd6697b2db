use crate::arguments::{Common, Table, TenantCommand};
use crate::{cloud, file, key};
use serde_json::{Value, json};
use sharekeep::terminal::{Report, exit, say, table as columns};
use sharekeep_functions::store::Store;
use sharekeep_functions::{Clock, SystemClock};
use sharekeep_operator::tenant::{self, Current};
use sharekeep_operator::{Error, Result};
use sharekeep_schemas::TenantId;
use sharekeep_schemas::tenant::TenantDocument;
use sharekeep_trust::Trust;
use std::path::Path;

pub(crate) async fn run(common: &Common, command: &TenantCommand) -> Result<Report> {
    match command {
        TenantCommand::Sign { description, key, trust, current, first: _, out } => {
            let trust = file::trust(trust)?;
            sign(common, description, key, &trust, current.as_deref(), out)
        }
        TenantCommand::Show { document, trust } => {
            let document = tenant::verify(&file::read(document)?, &file::trust(trust)?)?;
            described(&document)
        }
        TenantCommand::Put { document, table } => {
            let bytes = file::read(document)?;
            let (store, trust) = opened(table).await?;
            let document = tenant::put(&store, &trust, &bytes).await?;
            let mut warnings = warnings(&document);
            warnings.extend(nobody_reads(&store).await);
            for warning in &warnings {
                say(&format!("warning: {warning}"));
            }
            let text = format!("{} is at serial {}", document.tenant, document.serial);
            Ok(Report::new(text, named(&document, &warnings)))
        }
        TenantCommand::Get { tenant, out, table } => {
            let (store, trust) = opened(table).await?;
            let (document, bytes) = tenant::get(&store, &trust, tenant).await?;
            if let Some(out) = out {
                file::write_new(out, &bytes)?;
            }
            described(&document)
        }
        TenantCommand::List { table } => {
            let (store, trust) = opened(table).await?;
            Ok(listed(&tenant::list(&store, &trust).await?))
        }
    }
}

async fn opened(table: &Table) -> Result<(Store, Trust)> {
    let trust = file::trust(&table.trust)?;
    let store = cloud::store(&cloud::configuration().await, table)?;
    Ok((store, trust))
}

fn sign(
    common: &Common,
    description: &Path,
    key: &Path,
    trust: &Trust,
    current: Option<&Path>,
    out: &Path,
) -> Result<Report> {
    let document = tenant::read_description(&file::text(description)?)?;
    let current = match current {
        None => Current::Nothing,
        Some(path) => Current::Document(Box::new(tenant::verify(&file::read(path)?, trust)?)),
    };
    let signed = tenant::sign(&document, &key::open(common, key)?, key, trust, &current)?;
    file::write_new(out, &signed)?;
    warn(&document);
    let text =
        format!("{}, serial {}, is signed: {}", document.tenant, document.serial, out.display());
    Ok(Report::new(text, named(&document, &warnings(&document))))
}

fn warn(document: &TenantDocument) {
    for weakness in sharekeep_trust::weaknesses(document) {
        say(&format!("warning: {weakness}"));
    }
}

/// After a restore the tables in use have another prefix, and the ones before are still there.
async fn nobody_reads(store: &Store) -> Option<String> {
    let living = store.enclaves_alive(SystemClock.now_unix_ms()).await.ok()?;
    let fleet = store.fleet_table();
    living
        .is_empty()
        .then(|| format!("no enclave is in {fleet}: is this --table-prefix the one in use?"))
}

fn warnings(document: &TenantDocument) -> Vec<String> {
    sharekeep_trust::weaknesses(document).iter().map(ToString::to_string).collect()
}

fn named(document: &TenantDocument, warnings: &[String]) -> Value {
    json!({ "tenant": document.tenant, "serial": document.serial, "warnings": warnings })
}

fn described(document: &TenantDocument) -> Result<Report> {
    warn(document);
    let json = serde_json::to_value(document).map_err(|error| Error::Usage(error.to_string()))?;
    Ok(Report::new(tenant::write_description(document)?, json))
}

fn listed(all: &[(TenantId, Result<TenantDocument>)]) -> Report {
    let mut rows = Vec::new();
    let mut tenants = Vec::new();
    for (tenant, document) in all {
        let (serial, note) = match document {
            Ok(document) => (document.serial.to_string(), warnings(document).join("; ")),
            Err(error) => ("?".to_owned(), error.to_string()),
        };
        rows.push(vec![tenant.to_string(), serial, note]);
        tenants.push(match document {
            Ok(document) => named(document, &warnings(document)),
            Err(error) => json!({ "tenant": tenant, "error": error.to_string() }),
        });
    }
    let sound = all.iter().all(|(_, document)| document.is_ok());
    let mut report = Report::new(columns(&rows), json!({ "tenants": tenants }));
    report.code = if sound { 0 } else { exit::UNHEALTHY };
    report
}
