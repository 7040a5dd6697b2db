use crate::arguments::{Common, Sign};
use crate::context::Context;
use crate::message::{Plan, next_input, options, plan};
use crate::output::{Report, say};
use crate::progress::Display;
use crate::prompt::confirm;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use sharekeep::{Error, HeldWallet, Result, SignedIn, SignedMessage};
use sharekeep_messages::{Encoding, SignRequest, SignatureParts, SignedOutput};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

pub(crate) async fn run(common: &Common, command: &Sign) -> Result<Report> {
    // A message that makes no sense is refused before a passphrase is asked for.
    let plan = plan(&command.kind)?;
    let context = Context::open(common)?;
    context.run(async |context| sign(context, command, plan).await).await
}

async fn sign(context: &Context, command: &Sign, plan: Plan) -> Result<Report> {
    let wallet = context.home.find_wallet(&command.wallet)?;
    let options = options(&command.kind);
    let (mut request, rest) = match plan {
        Plan::Once(request) => (request, vec![]),
        Plan::Inputs(request, rest) => (request, rest),
    };
    ask(&wallet, &request, options.yes)?;
    let session = context.session().await?;
    let began = Instant::now();
    let display = Display::new();
    let user = SignedIn::new(&context.client, &context.home, &session, &display);
    // Apart from signing only so that the two times can be told apart.
    if wallet.preparation_scope().is_some_and(|scope| !context.home.has_preparation(scope)) {
        user.ensure_prepared(&wallet).await?;
    }
    let prepared = began.elapsed();
    let mut signed = user.sign(&wallet, &request).await?;
    for input in rest {
        request = next_input(request, signed.output.bytes.clone(), input);
        ask(&wallet, &request, options.yes)?;
        signed = user.sign(&wallet, &request).await?;
    }
    drop(display);
    let took = began.elapsed() - prepared;
    let printed = written(&signed.output);
    if let Some(path) = &options.out {
        write(path, &printed)?;
    }
    let mut json = describe(&wallet, &request, &signed, &printed);
    json["preparation_ms"] = (prepared.as_millis() as u64).into();
    json["sign_ms"] = (took.as_millis() as u64).into();
    if signed.output.signatures_missing > 0 {
        say(&format!("{} more signatures are needed", signed.output.signatures_missing));
    }
    if let Some(id) = &signed.output.id {
        say(&format!("id: {id}"));
    }
    Ok(Report::new(printed, json))
}

/// Shows what would be signed, decoded here and not by whoever asked for it.
fn ask(wallet: &HeldWallet, request: &SignRequest, yes: bool) -> Result<()> {
    let decoded = wallet.decode(request)?;
    say(&decoded.description.to_string());
    confirm("Sign this?", yes)
}

fn describe(
    wallet: &HeldWallet,
    request: &SignRequest,
    signed: &SignedMessage,
    printed: &str,
) -> Value {
    json!({
        "wallet": wallet.id,
        "kind": request.kind().as_str(),
        "description": signed.description,
        "signature": signature(&signed.signature),
        "encoding": signed.output.encoding.as_str(),
        "output": printed,
        "id": signed.output.id,
        "signatures_missing": signed.output.signatures_missing,
    })
}

fn signature(parts: &SignatureParts) -> Value {
    match parts {
        SignatureParts::Ecdsa { r, s, recovery_id } => {
            json!({ "r": hex::encode(r), "s": hex::encode(s), "recovery_id": recovery_id })
        }
        SignatureParts::Bip340(bytes) | SignatureParts::Eddsa(bytes) => {
            json!({ "bytes": hex::encode(bytes) })
        }
    }
}

/// The form that the next program expects.
fn written(output: &SignedOutput) -> String {
    match output.encoding {
        Encoding::EthereumTransaction | Encoding::EthereumSignature => {
            format!("0x{}", hex::encode(&output.bytes))
        }
        Encoding::BitcoinPsbt | Encoding::SolanaTransaction => BASE64.encode(&output.bytes),
        _ => hex::encode(&output.bytes),
    }
}

fn write(path: &Path, printed: &str) -> Result<()> {
    std::fs::File::create(path)
        .and_then(|mut file| writeln!(file, "{printed}"))
        .map_err(|source| Error::File { path: path.to_owned(), source })
}
