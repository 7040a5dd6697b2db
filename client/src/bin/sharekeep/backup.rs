use crate::arguments::{BackupCommand, Common};
use crate::context::Context;
use crate::exit;
use crate::output::{Report, table};
use crate::prompt::confirm;
use crate::unlock;
use serde_json::json;
use sharekeep::{
    BackupState, HeldWallet, Holding, Result, SignedIn, UnlockedRecovery, write_secret_file,
};
use sharekeep_schemas::{WalletId, WalletStatus};
use sharekeep_steps::DurableStep;

pub(crate) async fn run(common: &Common, command: &BackupCommand) -> Result<Report> {
    let context = Context::open(common)?;
    match command {
        BackupCommand::List => {
            context
                .signed_in(async |_, work| {
                    let backups = work.context.client.list_backups(work.session).await?;
                    let mut rows = vec![
                        ["WALLET", "VERSION", "SEED", "EPOCH", "BYTES"].map(str::to_owned).to_vec(),
                    ];
                    rows.extend(backups.iter().map(|backup| {
                        vec![
                            backup.wallet_id.to_string(),
                            backup.version.to_string(),
                            backup.generation.to_string(),
                            backup.epoch.to_string(),
                            backup.size.to_string(),
                        ]
                    }));
                    Ok(Report::new(table(&rows), json!({ "backups": backups })))
                })
                .await
        }
        BackupCommand::Verify { wallet, unlock } => {
            let wallets = match wallet {
                Some(wallet) => vec![context.home.find_wallet(wallet)?],
                None => context.home.wallets()?,
            };
            let with = unlock.is_given().then(|| unlock::ask(unlock)).transpose()?;
            context
                .signed_in(async |user, _| {
                    let unlocked = match with {
                        Some(with) => Some(user.unlock(with).await?),
                        None => None,
                    };
                    verify(user, &wallets, unlocked.as_ref()).await
                })
                .await
        }
        BackupCommand::Download { out } => {
            context
                .signed_in(async |user, _| {
                    let bundle = user.download_bundle().await?;
                    write_secret_file(out, &bundle.to_json()?, DurableStep::BundleWritten)?;
                    let text = format!(
                        "{} wallets are in {}. A recovery code or an export file opens it.",
                        bundle.wallets(),
                        out.display()
                    );
                    Ok(Report::new(text, json!({ "bundle": out, "wallets": bundle.wallets() })))
                })
                .await
        }
        BackupCommand::Delete { wallet, yes } => {
            let id = wallet_id(&context, wallet)?;
            confirm(&format!("Delete the backup of {id}? It can't be recovered any more."), *yes)?;
            context
                .signed_in(async |user, _| {
                    let version = user.delete_backup(id).await?;
                    let text = format!("The backup of {id} is deleted.");
                    Ok(Report::new(text, json!({ "wallet": id, "version": version })))
                })
                .await
        }
    }
}

/// A wallet by name, or by the id of one that another device holds.
fn wallet_id(context: &Context, text: &str) -> Result<WalletId> {
    match context.home.find_wallet(text) {
        Ok(wallet) => Ok(wallet.id),
        Err(error) => text.parse().map_err(|_| error),
    }
}

async fn verify(
    user: &SignedIn<'_>,
    wallets: &[HeldWallet],
    unlocked: Option<&UnlockedRecovery>,
) -> Result<Report> {
    let mut rows = vec![["WALLET", "RESULT", "VERSION"].map(str::to_owned).to_vec()];
    let (mut items, mut all_good) = (Vec::new(), true);
    for wallet in wallets {
        let backed = matches!(wallet.status, WalletStatus::Active | WalletStatus::Locked);
        if !backed || wallet.holding != Holding::Registered {
            continue;
        }
        let (word, version, why) = match user.verify_backup(wallet, unlocked).await {
            Ok(found) => {
                let word = match (found.state, found.opened) {
                    (_, true) => "opened, holds this share",
                    (BackupState::Same, false) => "as stored",
                    (BackupState::Newer, false) => "newer, by another device",
                };
                (word.to_owned(), Some(found.version), None)
            }
            // What concerns the session or the service concerns all wallets.
            Err(error) if error.is_general() => return Err(error),
            Err(error) => {
                all_good = false;
                ("not good".to_owned(), None, Some(error.to_string()))
            }
        };
        let shown = version.map(|version| version.to_string());
        rows.push(vec![
            wallet.id.to_string(),
            why.clone().unwrap_or_else(|| word.clone()),
            shown.unwrap_or_default(),
        ]);
        items.push(json!({
            "wallet": wallet.id,
            "ok": why.is_none(),
            "result": word,
            "version": version,
            "error": why,
        }));
    }
    let code = if all_good { 0 } else { exit::UNHEALTHY };
    Ok(Report { text: table(&rows), json: json!({ "ok": all_good, "backups": items }), code })
}
