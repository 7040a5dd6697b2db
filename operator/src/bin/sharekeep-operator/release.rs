use crate::arguments::{self, Common, NewRelease, ReleaseCommand};
use crate::{cloud, file, key};
use serde_json::{Value, json};
use sharekeep::terminal::{Report, say, table as columns};
use sharekeep_operator::Result;
use sharekeep_operator::release::{self, Basis, Replace};
use sharekeep_release::{Release, ReleaseKeys, Releases, SignedRelease};
use std::path::Path;

pub(crate) async fn run(common: &Common, command: &ReleaseCommand) -> Result<Report> {
    match command {
        ReleaseCommand::New(options) => new(options),
        ReleaseCommand::Sign { release: path, key: key_file, basis, manifest, unseen, out } => {
            let (basis, mut signed) = (read_basis(basis)?, read(path)?);
            let manifest = manifest.as_deref().map(file::text).transpose()?;
            let key = key::open(common, key_file)?;
            release::sign(&basis, &mut signed, &key, key_file, manifest.as_deref())?;
            if *unseen {
                say("warning: you signed an image that you have not built");
            }
            written(&signed, out)
        }
        ReleaseCommand::Combine { first, others, out } => {
            let mut signed = read(first)?;
            for other in others {
                signed.combine(read(other)?)?;
            }
            written(&signed, out)
        }
        ReleaseCommand::Show { release: path, trust } => {
            let (signed, keys) = (read(path)?, release::keys(&file::trust(trust)?)?);
            let verified = keys.verify(&signed)?;
            let signers: Vec<_> = verified.signers.iter().map(ToString::to_string).collect();
            let mut rows = described(&verified.release);
            rows.extend(signers.iter().map(|signer| row("signed by", signer.clone())));
            rows.push(row("threshold", format!("{} of {}", keys.threshold(), keys.keys().len())));
            let mut json = object(&verified.release);
            json["signers"] = signers.into();
            Ok(Report::new(columns(&rows), json))
        }
        ReleaseCommand::Keys { trust, out } => {
            let keys = release::keys(&file::trust(trust)?)?;
            file::write_new(out, keys.to_text().as_bytes())?;
            Ok(pinned(&keys))
        }
        ReleaseCommand::Publish { releases, replace_anything, table } => {
            let given = releases.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
            let trust = file::trust(&table.trust)?;
            let store = cloud::store(&cloud::configuration().await, table)?;
            let replace = if *replace_anything { Replace::Anything } else { Replace::Older };
            Ok(listed(&release::publish(&store, &trust, &given, replace).await?))
        }
        ReleaseCommand::List { table } => {
            let trust = file::trust(&table.trust)?;
            let store = cloud::store(&cloud::configuration().await, table)?;
            Ok(listed(&release::published(&store, &trust).await?))
        }
    }
}

fn new(options: &NewRelease) -> Result<Report> {
    let (basis, manifest) = (read_basis(&options.basis)?, file::text(&options.manifest)?);
    let NewRelease { release_version, minimum_version, .. } = *options;
    let proposed = release::propose(&basis, &manifest, release_version, minimum_version)?;
    written(&proposed, &options.file)
}

fn read_basis(options: &arguments::Basis) -> Result<Basis> {
    let pinned = options.pinned.as_deref().map(file::text).transpose()?;
    let pinned = pinned.map(|text| ReleaseKeys::parse(&text)).transpose()?;
    let after = options.after.as_deref().map(read).transpose()?;
    Basis::new(&file::read(&options.trust)?, pinned, after.as_ref())
}

fn read(path: &Path) -> Result<SignedRelease> {
    Ok(SignedRelease::parse(&file::text(path)?)?)
}

fn written(signed: &SignedRelease, out: &Path) -> Result<Report> {
    file::write_new(out, signed.to_text().as_bytes())?;
    let release = signed.unverified();
    Ok(Report::new(columns(&described(release)), object(release)))
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![name.to_owned(), value]
}

fn described(release: &Release) -> Vec<Vec<String>> {
    let measured = release.measurements();
    let mut rows = vec![
        row("deployment", release.deployment().to_owned()),
        row("version", release.version().to_string()),
        row("minimum version", release.minimum_version().to_string()),
        row("PCR0", measured.pcr0.to_string()),
        row("PCR1", measured.pcr1.to_string()),
        row("PCR2", measured.pcr2.to_string()),
    ];
    rows.extend(release.manifest_sha256().map(|hash| row("manifest (SHA-256)", hash.to_string())));
    rows
}

fn object(release: &Release) -> Value {
    let measured = release.measurements();
    json!({
        "deployment": release.deployment(),
        "version": release.version(),
        "minimum_version": release.minimum_version(),
        "measurements": { "PCR0": measured.pcr0, "PCR1": measured.pcr1, "PCR2": measured.pcr2 },
        "manifest_sha256": release.manifest_sha256().map(|hash| hash.to_string()),
    })
}

fn pinned(keys: &ReleaseKeys) -> Report {
    let all: Vec<_> = keys.keys().iter().map(ToString::to_string).collect();
    let mut rows = vec![row("deployment", keys.deployment().to_owned())];
    rows.extend(all.iter().map(|key| row("release key", key.clone())));
    rows.push(row("threshold", format!("{} of {}", keys.threshold(), all.len())));
    let json = json!({
        "deployment": keys.deployment(),
        "threshold": keys.threshold(),
        "keys": all,
    });
    Report::new(columns(&rows), json)
}

fn listed(releases: &Releases) -> Report {
    let mut rows = vec![["VERSION", "MINIMUM", "PCR0"].map(str::to_owned).to_vec()];
    rows.extend(releases.iter().map(|release| {
        let (version, minimum) = (release.version(), release.minimum_version());
        let pcr0 = release.measurements().pcr0;
        vec![version.to_string(), minimum.to_string(), pcr0.to_string()]
    }));
    let json = json!({ "releases": releases.iter().map(object).collect::<Vec<_>>() });
    Report::new(columns(&rows), json)
}
