//! Asking for a factor's secret.

use crate::arguments::Unlock;
use crate::prompt;
use sharekeep::{Error, FactorFile, Passphrase, Result, UnlockWith};
use sharekeep_recovery::RecoveryCode;
use sharekeep_recovery::passcode::Passcode;
use sharekeep_schemas::FactorKind;
use std::path::Path;

impl Unlock {
    /// The kind that is meant.
    fn kind(&self) -> FactorKind {
        self.with.unwrap_or(if self.cloud_file.is_some() {
            FactorKind::CloudFile
        } else if self.export_file.is_some() {
            FactorKind::ExportFile
        } else if self.code_file.is_some() {
            FactorKind::RecoveryCode
        } else {
            FactorKind::Passcode
        })
    }

    /// Whether the command line names a factor at all.
    pub(crate) fn is_given(&self) -> bool {
        self.with.is_some()
            || self.passcode_file.is_some()
            || self.code_file.is_some()
            || self.export_file.is_some()
            || self.cloud_file.is_some()
    }
}

/// Gets the secret, from a file or the terminal.
pub(crate) fn ask(options: &Unlock) -> Result<UnlockWith> {
    let passcode_file = options.passcode_file.as_deref();
    match options.kind() {
        FactorKind::Passcode => {
            let text = prompt::secret("Passcode: ", passcode_file)?;
            let passcode = passcode(text.expose())?;
            Ok(UnlockWith::Passcode { passcode, factor: options.with_factor })
        }
        FactorKind::RecoveryCode => {
            let text = prompt::secret("Recovery code: ", options.code_file.as_deref())?;
            Ok(UnlockWith::RecoveryCode(RecoveryCode::parse(text.expose().trim())?))
        }
        FactorKind::ExportFile => {
            let path = file(options.export_file.as_deref(), "--export-file")?;
            let text = prompt::secret(
                "Passphrase of the export file: ",
                options.export_passphrase_file.as_deref(),
            )?;
            let passphrase = Passphrase::new(text.expose().to_owned())?;
            Ok(UnlockWith::ExportFile(FactorFile::read_export_file(path, &passphrase)?))
        }
        FactorKind::CloudFile => {
            let path = file(options.cloud_file.as_deref(), "--cloud-file")?;
            let file = FactorFile::read_cloud_file(path)?;
            let text = prompt::secret("Passcode of the cloud file: ", passcode_file)?;
            Ok(UnlockWith::CloudFile { file, passcode: passcode(text.expose())? })
        }
    }
}

pub(crate) fn passcode(text: &str) -> Result<Passcode> {
    Ok(Passcode::new(text)?)
}

fn file<'a>(path: Option<&'a Path>, option: &str) -> Result<&'a Path> {
    path.ok_or_else(|| Error::Usage(format!("say which file: {option} FILE")))
}
