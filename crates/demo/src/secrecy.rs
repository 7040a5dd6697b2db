//! Looks for every secret of the run where none may be.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;
use sharekeep::{Home, Passphrase};
use sharekeep_demo::{Stack, User};
use sharekeep_local::secrecy::{
    CANARY, Canary, Form, Needle, Needles, Report, search_dir, search_memory,
};
use sharekeep_local::{DataDir, dump_store, reveal_secrets, secret_scalar};

/// Every secret of a stopped stack (data keys, server shares, …) and of a device (its shares).
pub(crate) fn secrets(data: &Path, user: &User) -> Result<Vec<Needle>> {
    let mut needles = reveal_secrets(&DataDir::open(data)?)?;
    let passphrase = std::fs::read_to_string(user.passphrase_file())?;
    let home = Home::open(user.home())?.unlock(&Passphrase::new(passphrase)?)?;
    for wallet in home.wallets()? {
        let scalar = secret_scalar(&wallet.share().to_sealed_bytes());
        let scalar = scalar.context("a device's share has another form than expected")?;
        needles.push(Needle::new(format!("device share of {}", wallet.id), scalar.to_vec()));
    }
    Ok(needles)
}

/// The secret that a file holds as text.
pub(crate) fn text_in(name: &str, file: &Path) -> Result<Needle> {
    let text = std::fs::read_to_string(file)?;
    Ok(Needle::new(name.to_owned(), text.trim().as_bytes().to_vec()))
}

/// Fails unless the canary is found in each of `forms` and no secret in any.
fn judge(place: &str, report: &Report, forms: &[Form], secrets: usize) -> Result<()> {
    let found = report.forms_of(CANARY);
    let missed: Vec<_> = forms.iter().filter(|form| !found.contains(form)).collect();
    ensure!(missed.is_empty(), "blind: the canary in {place} was not found as {missed:?}");
    let hits: Vec<_> = report.hits_without(CANARY).collect();
    for hit in &hits {
        println!("  FOUND {} as {} in {}", hit.name, hit.form, hit.place);
    }
    ensure!(hits.is_empty(), "{place}: secrets lie about");
    ensure!(report.skipped.is_empty(), "{place}: not all was read: {:?}", report.skipped);
    println!(
        "  {place}: {:.1} MB searched; the canary found in {} forms, {secrets} secrets in none",
        report.bytes_searched as f64 / 1e6,
        found.len(),
    );
    Ok(())
}

/// Everything to look for, the canary included.
pub(crate) struct Search {
    needles: Needles,
    secrets: usize,
}

impl Search {
    pub(crate) fn new(mut secrets: Vec<Needle>, canary: &Canary) -> Result<Self> {
        let count = secrets.len();
        secrets.push(canary.needle());
        Ok(Self { needles: Needles::new(secrets)?, secrets: count })
    }

    /// The memory of the functions' process, as it runs.
    pub(crate) fn memory(&self, stack: &Stack) -> Result<()> {
        let report = search_memory(&self.needles, stack.process("functions")?)?;
        judge("the memory of the functions' process", &report, Form::ALL, self.secrets)
    }

    /// What a stopped stack and the device have left on disk.
    pub(crate) fn files(&self, data: &Path, user: &User) -> Result<()> {
        // The store's engine writes binary attributes as base64, so these forms cannot occur in
        // its files; they are looked for in the decoded items.
        let binary = [Form::Raw, Form::RawReversed, Form::CborBytes, Form::CborIntegers];
        let text: Vec<_> = Form::ALL.iter().copied().filter(|f| !binary.contains(f)).collect();
        let store = search_dir(&self.needles, &data.join("store"))?;
        judge("the store's files", &store, &text, self.secrets)?;
        let decoded = data.with_file_name("store-decoded");
        std::fs::create_dir(&decoded)?;
        std::fs::write(decoded.join("items"), decoded_items(data)?)?;
        let items = search_dir(&self.needles, &decoded)?;
        judge("the store's items, decoded", &items, Form::ALL, self.secrets)?;
        let logs = search_dir(&self.needles, &data.join("logs"))?;
        judge("the logs", &logs, &text, self.secrets)?;
        // Encrypted, and no place of ours to plant anything in.
        let device = search_dir(&self.needles, user.home())?;
        judge("the device's files", &device, &[], self.secrets)
    }
}

/// Every attribute of every item, binary ones as bytes.
fn decoded_items(data: &Path) -> Result<Vec<u8>> {
    fn collect(value: &Value, out: &mut Vec<u8>) {
        match value {
            Value::Object(fields) => {
                for (name, inner) in fields {
                    match inner.as_str().filter(|_| name == "B").map(|text| BASE64.decode(text)) {
                        Some(Ok(bytes)) => out.extend(bytes),
                        _ => collect(inner, out),
                    }
                    out.push(b'\n');
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, out)),
            other => out.extend(other.to_string().into_bytes()),
        }
    }
    let mut out = Vec::new();
    for row in dump_store(&DataDir::open(data)?)?.values().flatten() {
        collect(&serde_json::from_str(row)?, &mut out);
    }
    Ok(out)
}
