use crate::arguments::{Common, Prepare};
use crate::context::Context;
use crate::exit;
use crate::output::Report;
use crate::progress::Display;
use serde_json::{Value, json};
use sharekeep::{Error, HeldPreparation, RefreshReport, Result, SignedIn};
use sharekeep_schemas::{PreparationScope, ProblemCode, Protocol};
use std::time::Instant;

pub(crate) async fn run(common: &Common, options: &Prepare) -> Result<Report> {
    Context::open(common)?.run(async |context| prepare(context, options).await).await
}

async fn prepare(context: &Context, options: &Prepare) -> Result<Report> {
    let wallet = match &options.wallet {
        Some(wallet) => Some(context.home.find_wallet(wallet)?),
        None => None,
    };
    let scope = match &wallet {
        None => PreparationScope::Pair(Protocol::Cggmp24),
        Some(wallet) => wallet
            .preparation_scope()
            .ok_or_else(|| Error::Usage("this wallet needs no preparation".to_owned()))?,
    };
    if context.home.has_preparation(scope) && !options.again {
        return Ok(describe(&refresh_backups(context).await?));
    }
    let session = context.session().await?;
    let began = Instant::now();
    let display = Display::new();
    let user = SignedIn::new(&context.client, &context.home, &session, &display);
    let held: HeldPreparation = match (&wallet, scope) {
        (Some(wallet), PreparationScope::Wallet(_)) => user.prepare_wallet(wallet).await?,
        _ => user.prepare_pair(None).await?,
    };
    drop(display);
    let took = began.elapsed();
    Ok(Report::new(
        format!("Ready after {:.1} s.", took.as_secs_f64()),
        json!({ "made": true, "preparation": held.id, "took_ms": took.as_millis() as u64 }),
    ))
}

/// Backups that an interrupted command left behind are made up for, if somebody is signed in.
async fn refresh_backups(context: &Context) -> Result<RefreshReport> {
    if context.home.session()?.is_none() || context.home.recovery()?.is_none() {
        return Ok(RefreshReport::default());
    }
    let session = context.session().await?;
    let display = Display::new();
    SignedIn::new(&context.client, &context.home, &session, &display).refresh_backups().await
}

fn describe(refreshed: &RefreshReport) -> Report {
    let RefreshReport { stored, failed } = refreshed;
    let mut text = match stored {
        0 if failed.is_empty() => "It is there already. (--again makes it anew.)".to_owned(),
        _ => format!("It is there already; {stored} backups that lacked it have it now."),
    };
    let mut items: Vec<Value> = Vec::new();
    for (id, error) in failed {
        text.push_str(&format!("\nThe backup of {id} still lacks it: {error}"));
        if matches!(error.code(), Some(ProblemCode::WalletState | ProblemCode::NotFound)) {
            // Never more than an offer: anybody on the way can refuse like this.
            text.push_str(&format!(
                " (if another device of yours archived the wallet, `sharekeep wallet archive {id}` \
                 lets this one know)"
            ));
        }
        items.push(json!({ "wallet": id, "error": error.to_string() }));
    }
    Report {
        text,
        json: json!({ "made": false, "backups_refreshed": stored, "failed": items }),
        code: if failed.is_empty() { 0 } else { exit::UNHEALTHY },
    }
}
