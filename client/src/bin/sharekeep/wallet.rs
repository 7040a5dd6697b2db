use crate::address::{address, usual_chain};
use crate::arguments::{Common, Network, WalletCommand};
use crate::context::Context;
use crate::output::{Report, say, table};
use crate::progress::Display;
use crate::prompt::confirm;
use serde_json::{Value, json};
use sharekeep::{HeldWallet, Holding, NewWallet, PrimeFinder, Result, Session, SignedIn};
use sharekeep_schemas::http::WalletView;
use sharekeep_schemas::{PreparationScope, Protocol, WalletStatus};
use std::time::Instant;

/// Said wherever such a wallet is shown.
const FROM_BACKUP: &str = "its share came from a backup: run `sharekeep restore` before it signs";

pub(crate) async fn run(common: &Common, command: &WalletCommand) -> Result<Report> {
    let context = Context::open(common)?;
    match command {
        WalletCommand::Create { scheme, protocol, name, no_prepare } => {
            let protocol = protocol.unwrap_or(scheme.default_protocol());
            let new = NewWallet { scheme: *scheme, protocol, name: name.clone() };
            context.run(async |c| create(c, &new, *no_prepare).await).await
        }
        WalletCommand::List { offline } => context.run(async |c| list(c, *offline).await).await,
        WalletCommand::Show { wallet } => show(&context.home.find_wallet(wallet)?),
        WalletCommand::Activate { wallet } => {
            context.run(async |c| activate(c, c.home.find_wallet(wallet)?).await).await
        }
        WalletCommand::Archive { wallet, yes } => {
            context.run(async |c| archive(c, c.home.find_wallet(wallet)?, *yes).await).await
        }
        WalletCommand::Forget { wallet } => {
            context.run(async |c| forget(c, c.home.find_wallet(wallet)?).await).await
        }
    }
}

async fn create(context: &Context, new: &NewWallet, no_prepare: bool) -> Result<Report> {
    let session = context.session().await?;
    let display = Display::new();
    let user = SignedIn::new(&context.client, &context.home, &session, &display);
    let pair = PreparationScope::Pair(Protocol::Cggmp24);
    // The search for primes goes on while the key is made.
    let finder =
        (new.protocol == Protocol::Cggmp24 && !no_prepare && !context.home.has_preparation(pair))
            .then(PrimeFinder::start);
    let began = Instant::now();
    let wallet = user.create_wallet(new).await?;
    let keygen = began.elapsed();
    let prepared = match finder {
        Some(finder) => user.prepare_pair_from(finder).await.map(Some),
        None if no_prepare => Ok(None),
        None => user.ensure_prepared(&wallet).await,
    };
    drop(display);
    // The wallet is made and stored; what is missing is made before its first signature.
    if let Err(error) = &prepared {
        say(&format!("warning: the wallet is made, but preparing to sign failed: {error}"));
    }
    let total = began.elapsed();
    // Preparing brought a newer backup with it.
    let wallet = context.home.wallet(wallet.id)?.unwrap_or(wallet);
    let mut json = describe(&wallet)?;
    json["keygen_ms"] = (keygen.as_millis() as u64).into();
    json["preparation_ms"] = ((total - keygen).as_millis() as u64).into();
    json["prepared"] =
        (wallet.protocol == Protocol::Frost || matches!(prepared, Ok(Some(_)))).into();
    Ok(Report::new(format!("{}{}", lines(&wallet)?, hint_line(&wallet)), json))
}

async fn list(context: &Context, offline: bool) -> Result<Report> {
    let held = context.home.wallets()?;
    let views = if offline {
        vec![]
    } else {
        let session: Session = context.session().await?;
        context.client.list_wallets(&session).await?
    };
    let elsewhere: Vec<&WalletView> =
        views.iter().filter(|v| held.iter().all(|w| w.id != v.wallet_id)).collect();
    let heading = ["WALLET", "NAME", "SCHEME", "PROTOCOL", "STATUS", "ADDRESS"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    let mut items = Vec::new();
    for wallet in &held {
        let view = views.iter().find(|view| view.wallet_id == wallet.id);
        rows.push(vec![
            wallet.id.to_string(),
            wallet.name.clone().unwrap_or_default(),
            wallet.scheme().to_string(),
            short(wallet.protocol),
            standing(wallet).to_owned(),
            usual_address(wallet)?,
        ]);
        let mut item = describe(wallet)?;
        item["service_status"] = view.map(|view| view.status.as_str()).into();
        items.push(item);
    }
    for view in &elsewhere {
        rows.push(vec![
            view.wallet_id.to_string(),
            String::new(),
            view.scheme.to_string(),
            short(view.protocol),
            view.status.to_string(),
            "(its share is not on this device)".to_owned(),
        ]);
    }
    let mut text = table(&rows);
    for protocol in Protocol::ALL.iter().filter(|p| held.iter().any(|w| w.protocol == **p)) {
        if let Some(note) = note(*protocol) {
            text.push_str(&format!("\n* {protocol}: {note}"));
        }
    }
    Ok(Report::new(text, json!({ "wallets": items, "elsewhere": elsewhere })))
}

fn show(wallet: &HeldWallet) -> Result<Report> {
    Ok(Report::new(format!("{}{}", lines(wallet)?, hint_line(wallet)), describe(wallet)?))
}

async fn activate(context: &Context, mut wallet: HeldWallet) -> Result<Report> {
    let session = context.session().await?;
    let display = Display::new();
    SignedIn::new(&context.client, &context.home, &session, &display)
        .activate_wallet(&mut wallet)
        .await?;
    drop(display);
    show(&wallet)
}

async fn archive(context: &Context, mut wallet: HeldWallet, yes: bool) -> Result<Report> {
    confirm(&format!("Put {} away? It never signs again.", wallet.id), yes)?;
    let session = context.session().await?;
    let display = Display::new();
    SignedIn::new(&context.client, &context.home, &session, &display)
        .archive_wallet(&mut wallet)
        .await?;
    drop(display);
    show(&wallet)
}

async fn forget(context: &Context, wallet: HeldWallet) -> Result<Report> {
    let session = context.session().await?;
    let id = wallet.id;
    let display = Display::new();
    SignedIn::new(&context.client, &context.home, &session, &display).forget_wallet(wallet).await?;
    drop(display);
    Ok(Report::new(format!("{id} is forgotten."), json!({ "wallet": id, "forgotten": true })))
}

fn describe(wallet: &HeldWallet) -> Result<Value> {
    let warning = (wallet.holding != Holding::Registered).then_some(FROM_BACKUP);
    Ok(json!({
        "wallet": wallet.id,
        "name": wallet.name,
        "scheme": wallet.scheme(),
        "protocol": wallet.protocol,
        "protocol_note": note(wallet.protocol),
        "status": standing(wallet),
        "warning": warning,
        "backup_version": wallet.backup.as_ref().map(|mark| mark.version),
        "epoch": wallet.epoch,
        "public_key": hex::encode(wallet.public_key()),
        "address": usual_address(wallet)?,
        "created_at_unix_s": wallet.created_at_unix_s,
    }))
}

/// What a user should know of a protocol's implementation.
fn note(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Cggmp24 => Some("alpha; its new proofs are not audited"),
        Protocol::Dkls23 => Some("not audited"),
        Protocol::Frost => None,
    }
}

/// The protocol's name, with what a user should know of it.
fn labelled(protocol: Protocol) -> String {
    note(protocol).map_or_else(|| protocol.to_string(), |note| format!("{protocol} ({note})"))
}

/// The same for a column: a star stands for the note, which `wallet show` spells out.
fn short(protocol: Protocol) -> String {
    if note(protocol).is_some() { format!("{protocol}*") } else { protocol.to_string() }
}

fn lines(wallet: &HeldWallet) -> Result<String> {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row("wallet", wallet.id.to_string()),
        row("scheme", wallet.scheme().to_string()),
        row("protocol", labelled(wallet.protocol)),
        row("status", standing(wallet).to_owned()),
        row("epoch", wallet.epoch.to_string()),
        row("public key", hex::encode(wallet.public_key())),
        row("address", usual_address(wallet)?),
    ];
    if let Some(name) = &wallet.name {
        rows.insert(1, row("name", name.clone()));
    }
    Ok(table(&rows))
}

/// Where a wallet stands on this device.
fn standing(wallet: &HeldWallet) -> &'static str {
    match wallet.holding {
        Holding::Registered => wallet.status.as_str(),
        Holding::Restoring { .. } => "restoring",
        Holding::Offline => "offline",
    }
}

fn hint_line(wallet: &HeldWallet) -> String {
    match (wallet.holding, wallet.status) {
        (Holding::Registered, WalletStatus::Pending) => {
            "\npending: run `sharekeep wallet activate` or `sharekeep wallet forget`".to_owned()
        }
        (Holding::Registered, _) => String::new(),
        _ => format!("\n{}: {FROM_BACKUP}", standing(wallet)),
    }
}

fn usual_address(wallet: &HeldWallet) -> Result<String> {
    address(wallet, usual_chain(wallet.scheme()), Network::Bitcoin)
}
