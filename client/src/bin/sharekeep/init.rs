use crate::arguments::{Common, Init};
use crate::context::directory;
use crate::output::Report;
use crate::{prompt, release};
use serde_json::json;
use sharekeep::{AttestationRoot, Error, Home, Result, Settings};
use std::path::Path;

/// Largest file that `init` reads.
const MAX_FILE_BYTES: usize = 1024 * 1024;

pub(crate) fn run(common: &Common, options: &Init) -> Result<Report> {
    let settings = settings(options)?;
    let releases = release::read(&options.release)?;
    let directory = directory(common)?;
    let mut lost = false;
    if options.update {
        lost = !Home::open(&directory)?.replace_settings(settings, &releases)?;
    } else if Home::open(&directory).is_ok() {
        // Asking for a passphrase first would suggest that something will come of it.
        return Err(Error::SetUpAlready(directory));
    } else {
        Home::create(&directory, settings, &releases, &prompt::new_passphrase(common)?)?;
    }
    let mut text = format!("{} is set up. Next: sharekeep login", directory.display());
    if lost {
        text += "\nThe releases accepted before were missing or damaged: of what was withdrawn, this \
                 device now knows only what the release given says.";
    }
    let json = json!({ "home": directory, "updated": options.update, "releases_lost": lost });
    Ok(Report::new(text, json))
}

fn settings(options: &Init) -> Result<Settings> {
    let root = match options.root.as_str() {
        "aws" => AttestationRoot::Aws,
        file => AttestationRoot::from_file_content(&read(Path::new(file))?)?,
    };
    let authorities = match &options.ca {
        None => None,
        Some(file) => Some(text(file)?),
    };
    let keys = release::keys(&options.release_keys)?;
    Ok(Settings::new(options.url.clone(), options.tenant.clone(), root, keys, authorities))
}

pub(crate) fn text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?)
        .map_err(|_| Error::Usage(format!("{} is not text", path.display())))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let content =
        std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    if content.len() > MAX_FILE_BYTES {
        return Err(Error::Usage(format!("{} is too large", path.display())));
    }
    Ok(content)
}
