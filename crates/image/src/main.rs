//! Makes the image of an enclave out of finished parts, and verifies one against its manifest.
#![expect(clippy::print_stdout, reason = "a command line talks to people")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use sharekeep_image::{
    Compared, Digest, Image, MAX_IMAGE_BYTES, MAX_MANIFEST_BYTES, Manifest, Parts, enclave,
};

/// Make or verify the image of an enclave.
#[derive(Parser)]
#[command(name = "sharekeep-image")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Make `enclave.eif`, `enclave.pcrs.json` and `enclave.manifest.json`.
    Make {
        /// The kernel, a bzImage for x86_64.
        #[arg(long)]
        kernel: PathBuf,
        /// The enclave's program, linked statically.
        #[arg(long)]
        program: PathBuf,
        /// The trust configuration, as `sharekeep-operator` writes it.
        #[arg(long)]
        trust: PathBuf,
        /// What the source is called, for the manifest.
        #[arg(long)]
        source: String,
        /// A file whose hash the manifest names besides: `name=path`.
        #[arg(long = "input", value_parser = pair)]
        inputs: Vec<(String, String)>,
        /// What the program or the kernel was built with: `name=version`.
        #[arg(long = "tool", value_parser = pair)]
        tools: Vec<(String, String)>,
        /// The folder to write into.
        #[arg(long)]
        out: PathBuf,
    },
    /// Compare an image with a manifest and print its PCRs. Where the manifest comes from is yours
    /// to know: it is not signed.
    Verify {
        /// The image.
        image: PathBuf,
        /// The manifest.
        manifest: PathBuf,
    },
    /// Compare a published manifest with one of your own build, part by part.
    Compare {
        /// The published manifest.
        published: PathBuf,
        /// That of the image that you built.
        built: PathBuf,
    },
    /// Print the PCRs of an image.
    Pcrs {
        /// The image.
        image: PathBuf,
    },
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be name=value")?;
    Ok((name.into(), value.into()))
}

fn main() -> Result<()> {
    match Arguments::parse().task {
        Task::Make { kernel, program, trust, source, inputs, tools, out } => {
            let parts = Parts {
                kernel: read(&kernel, MAX_IMAGE_BYTES)?,
                program: read(&program, MAX_IMAGE_BYTES)?,
                trust: read(&trust, MAX_IMAGE_BYTES)?,
            };
            make(parts, source, &inputs, tools, &out)
        }
        Task::Verify { image, manifest } => {
            println!("{}", read_manifest(&manifest)?.verify(&read(&image, MAX_IMAGE_BYTES)?)?);
            Ok(())
        }
        Task::Compare { published, built } => {
            compare(&read_manifest(&published)?, &read_manifest(&built)?)
        }
        Task::Pcrs { image } => {
            println!("{}", Image::parse(&read(&image, MAX_IMAGE_BYTES)?)?.measurements());
            Ok(())
        }
    }
}

fn make(
    parts: Parts,
    source: String,
    inputs: &[(String, String)],
    tools: Vec<(String, String)>,
    out: &Path,
) -> Result<()> {
    let own = [("program", &parts.program), ("trust", &parts.trust)];
    let mut hashes: BTreeMap<_, _> =
        own.map(|(name, bytes)| (name.to_owned(), Digest::of(bytes))).into();
    for (name, path) in inputs {
        let hash = Digest::of(&read(Path::new(path), MAX_IMAGE_BYTES)?);
        ensure!(hashes.insert(name.clone(), hash).is_none(), "two inputs are called {name}");
    }
    let image = enclave(parts)?;
    let manifest = Manifest::of(&image, source, hashes, tools.into_iter().collect());
    let file = image.to_bytes();
    // What is handed out was read back: a mistake in writing is found here, not at a customer's.
    let measured = manifest.verify(&file)?;
    let pcrs = serde_json::to_string_pretty(&measured)? + "\n";
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let text = manifest.to_text();
    for (name, bytes) in [
        ("enclave.eif", file.as_slice()),
        ("enclave.pcrs.json", pcrs.as_bytes()),
        ("enclave.manifest.json", text.as_bytes()),
    ] {
        let path = out.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{measured}");
    Ok(())
}

fn compare(published: &Manifest, built: &Manifest) -> Result<()> {
    let parts = published.compare(built);
    for Compared { part, same } in &parts {
        println!("{}  {part}", if *same { "same   " } else { "DIFFERS" });
    }
    let differing = parts.iter().filter(|it| !it.same).map(|it| it.part.as_str());
    let differing: Vec<_> = differing.collect();
    ensure!(differing.is_empty(), "not the published image: {} differ(s)", differing.join(", "));
    println!("{}", published.measurements);
    Ok(())
}

fn read_manifest(path: &Path) -> Result<Manifest> {
    let text = String::from_utf8(read(path, MAX_MANIFEST_BYTES)?);
    let no_text = || format!("{} is no text", path.display());
    Ok(Manifest::parse(&text.with_context(no_text)?)?)
}

fn read(path: &Path, most: usize) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    let file = fs::File::open(path).with_context(cannot)?;
    file.take(most as u64 + 1).read_to_end(&mut bytes).with_context(cannot)?;
    ensure!(bytes.len() <= most, "{} has more than {most} bytes", path.display());
    Ok(bytes)
}
