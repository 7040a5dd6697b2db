use crate::arguments::{Common, ReleaseCommand};
use crate::context::closed_home;
use crate::init;
use crate::output::{Report, table};
use serde_json::{Value, json};
use sharekeep::{Release, ReleaseKeys, Releases, Result, SignedRelease};
use std::path::{Path, PathBuf};

pub(crate) fn run(common: &Common, command: &ReleaseCommand) -> Result<Report> {
    match command {
        ReleaseCommand::Add { files } => {
            let home = closed_home(common)?;
            let releases = home.add_releases(&read(files)?)?;
            Ok(listed(&releases, &home.settings().release_keys))
        }
        ReleaseCommand::List => {
            let home = closed_home(common)?;
            Ok(listed(&home.releases()?, &home.settings().release_keys))
        }
        ReleaseCommand::Show { file, release_keys } => {
            let signed = SignedRelease::parse(&init::text(file)?)?;
            match release_keys {
                Some(path) => show(&signed, &keys(path)?, None),
                None => {
                    let home = closed_home(common)?;
                    show(&signed, &home.settings().release_keys, Some(home.releases()?))
                }
            }
        }
    }
}

/// Reads signed releases, believing nothing of them yet.
pub(crate) fn read(files: &[PathBuf]) -> Result<Vec<SignedRelease>> {
    files.iter().map(|file| Ok(SignedRelease::parse(&init::text(file)?)?)).collect()
}

/// Reads the release keys that a user was given.
pub(crate) fn keys(file: &Path) -> Result<ReleaseKeys> {
    Ok(ReleaseKeys::parse(&init::text(file)?)?)
}

/// The release of an image with these measurements, and who signed it.
pub(crate) fn described(release: &Release, signed_by: usize, keys: &ReleaseKeys) -> String {
    let (version, minimum) = (release.version(), release.minimum_version());
    let of = keys.keys().len();
    format!("{version}, which accepts none below {minimum}, signed by {signed_by} of {of}")
}

/// How many of the keys have signed each release, with it.
pub(crate) fn with_signers<'a>(
    releases: &'a Releases,
    keys: &'a ReleaseKeys,
) -> impl Iterator<Item = (&'a Release, Vec<String>)> {
    releases.signed().iter().filter_map(|signed| {
        let signers = keys.verify(signed).ok()?.signers;
        Some((signed.unverified(), signers.iter().map(ToString::to_string).collect()))
    })
}

pub(crate) fn object(release: &Release, signers: &[String]) -> Value {
    let measured = release.measurements();
    json!({
        "deployment": release.deployment(),
        "version": release.version(),
        "minimum_version": release.minimum_version(),
        "measurements": { "PCR0": measured.pcr0, "PCR1": measured.pcr1, "PCR2": measured.pcr2 },
        "manifest_sha256": release.manifest_sha256().map(|hash| hash.to_string()),
        "signers": signers,
    })
}

fn show(signed: &SignedRelease, keys: &ReleaseKeys, known: Option<Releases>) -> Result<Report> {
    let verified = keys.verify(signed)?;
    if let Some(mut known) = known {
        // What would become of it here: it may have been withdrawn.
        known.add(keys, signed.clone())?;
    }
    let (release, measured) = (&verified.release, verified.release.measurements());
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row("deployment", release.deployment().to_owned()),
        row("version", release.version().to_string()),
        row("minimum version", release.minimum_version().to_string()),
        row("PCR0", measured.pcr0.to_string()),
        row("PCR1", measured.pcr1.to_string()),
        row("PCR2", measured.pcr2.to_string()),
    ];
    rows.extend(release.manifest_sha256().map(|hash| row("manifest (SHA-256)", hash.to_string())));
    let signers: Vec<_> = verified.signers.iter().map(ToString::to_string).collect();
    rows.extend(signers.iter().map(|signer| row("signed by", signer.clone())));
    rows.push(row("threshold", format!("{} of {}", keys.threshold(), keys.keys().len())));
    let text = format!("The release is what enough of its keys signed.\n{}", table(&rows));
    Ok(Report::new(text, object(release, &signers)))
}

fn listed(releases: &Releases, keys: &ReleaseKeys) -> Report {
    let mut rows = vec![["VERSION", "MINIMUM", "SIGNED BY", "PCR0"].map(str::to_owned).to_vec()];
    let mut objects = Vec::new();
    for (release, signers) in with_signers(releases, keys) {
        rows.push(vec![
            release.version().to_string(),
            release.minimum_version().to_string(),
            format!("{} of {}", signers.len(), keys.keys().len()),
            release.measurements().pcr0.to_string(),
        ]);
        objects.push(object(release, &signers));
    }
    let json = json!({
        "deployment": keys.deployment(),
        "minimum_version": releases.minimum_version(),
        "releases": objects,
    });
    Report::new(table(&rows), json)
}
