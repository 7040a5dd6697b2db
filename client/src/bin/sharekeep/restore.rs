use crate::arguments::{Common, RecoverOffline, Restore};
use crate::context::{Context, Work};
use crate::exit;
use crate::fresh_preparation::{self, Meanwhile};
use crate::output::{Report, say, table};
use crate::prompt;
use crate::unlock;
use serde_json::{Value, json};
use sharekeep::{Bundle, Error, MAX_BUNDLE_BYTES, RestoreReport, Result, WalletOutcome};
use sharekeep_schemas::{DeviceId, PreparationScope, Protocol};
use std::io::Read;
use std::time::Instant;

pub(crate) async fn run(common: &Common, options: &Restore) -> Result<Report> {
    let passphrase = prompt::passphrase(common)?;
    let context = Context::open_with(common, &passphrase)?;
    let with = unlock::ask(&options.unlock)?;
    let report = context
        .signed_in(async |user, work| {
            let lost = lost(options, work).await?;
            let began = Instant::now();
            let unlocked = user.unlock(with).await?;
            let report = user.restore(&unlocked, &lost).await?;
            Ok(describe(&report, &lost, began))
        })
        .await?;
    // The restore is done, whatever may be wrong here.
    let wanted = context.home.wants_fresh_preparation().unwrap_or(false);
    if options.no_fresh_preparation || !wanted {
        return Ok(report);
    }
    let pair = PreparationScope::Pair(Protocol::Cggmp24);
    let meanwhile = match context.home.has_preparation(pair) {
        true => Meanwhile::Signing,
        false => Meanwhile::Unprepared,
    };
    // Other commands must be able to work here from now on.
    drop(context);
    let report = report.print_early(common.json);
    fresh_preparation::make(common, &passphrase, meanwhile).await;
    Ok(report)
}

/// Which of the other devices are lost. It is never guessed: a thief's device must not stay, and a
/// tablet at home must not go.
async fn lost(options: &Restore, work: &Work<'_>) -> Result<Vec<DeviceId>> {
    if options.keep_old_devices || !options.lost.is_empty() {
        return Ok(options.lost.clone());
    }
    let mut others = work.context.client.list_devices(work.session).await?;
    others.retain(|device| !device.current && device.revoked_at_unix_s.is_none());
    if !options.all_lost && !others.is_empty() && !prompt::somebody_is_there() {
        let hint = "say what became of the other devices: --lost DEVICE, --all-lost or \
                    --keep-old-devices";
        return Err(Error::Usage(hint.to_owned()));
    }
    let mut lost = Vec::new();
    for device in others {
        let name = device.name.as_deref().map(crate::output::printable).unwrap_or_default();
        let question =
            format!("Is the device {} {name} lost? It is then revoked.", device.device_id);
        match prompt::confirm(&question, options.all_lost) {
            Ok(()) => lost.push(device.device_id),
            Err(Error::Declined) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(lost)
}

fn describe(report: &RestoreReport, lost: &[DeviceId], began: Instant) -> Report {
    let mut rows = vec![["WALLET", "RESULT"].map(str::to_owned).to_vec()];
    let mut items: Vec<Value> = Vec::new();
    for (id, outcome) in &report.wallets {
        let (word, text) = match outcome {
            WalletOutcome::Restored { prepared: true } => ("restored", "restored".to_owned()),
            WalletOutcome::Restored { prepared: false } => {
                ("restored", "restored; run `sharekeep prepare` before it signs".to_owned())
            }
            WalletOutcome::Held => ("held", "was on this device already".to_owned()),
            WalletOutcome::NoBackup => ("no-backup", "has no backup".to_owned()),
            WalletOutcome::Failed(error) => ("failed", error.to_string()),
        };
        if matches!(outcome, WalletOutcome::NoBackup) {
            say(&format!(
                "warning: {id} has no backup by the service's word; only a device that holds it can use it"
            ));
        }
        let prepared = matches!(outcome, WalletOutcome::Restored { prepared: true });
        items.push(json!({
            "wallet": id,
            "result": word,
            "prepared": prepared,
            "error": matches!(outcome, WalletOutcome::Failed(_)).then(|| text.clone()),
        }));
        rows.push(vec![id.to_string(), text]);
    }
    let mut text = table(&rows);
    if !report.is_complete() {
        text.push_str("\nNot all came back; running it again takes up where it stopped.");
    }
    Report {
        text,
        json: json!({
            "complete": report.is_complete(),
            "wallets": items,
            "lost": lost,
            "took_ms": began.elapsed().as_millis() as u64,
        }),
        code: if report.is_complete() { 0 } else { exit::UNHEALTHY },
    }
}

pub(crate) fn offline(common: &Common, options: &RecoverOffline) -> Result<Report> {
    let path = &options.bundle;
    let mut text = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_BUNDLE_BYTES as u64 + 1).read_to_end(&mut text))
        .map_err(|source| Error::File { path: path.clone(), source })?;
    let no_bundle = || Error::RecoveryFile { path: path.clone(), why: "is no bundle" };
    let bundle = Bundle::from_json(&text).ok_or_else(no_bundle)?;
    let context = Context::open(common)?;
    let with = unlock::ask(&options.unlock)?;
    let mut rows = vec![["WALLET", "RESULT"].map(str::to_owned).to_vec()];
    let (mut items, mut complete) = (Vec::new(), true);
    for (id, result) in bundle.recover(&context.home, &with)? {
        let error = result.err().map(|error| error.to_string());
        complete &= error.is_none();
        rows.push(vec![id.to_string(), error.clone().unwrap_or_else(|| "recovered".to_owned())]);
        let mut item = json!({ "wallet": id, "recovered": error.is_none(), "error": error });
        if let Some(wallet) = context.home.wallet(id)? {
            item["scheme"] = wallet.scheme().as_str().into();
            item["public_key"] = hex::encode(wallet.public_key()).into();
        }
        items.push(item);
    }
    let text = format!(
        "{}\nThis device holds the shares now. They sign once the service is back: \
         run `sharekeep login` and `sharekeep restore`.",
        table(&rows)
    );
    let code = if complete { 0 } else { exit::UNHEALTHY };
    Ok(Report { text, json: json!({ "complete": complete, "wallets": items }), code })
}
