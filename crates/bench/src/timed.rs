//! A line of what people wait for: how long it takes mostly and at worst.

use std::time::Duration;

use serde::Serialize;

use crate::row::{Cost, Row, ms};
use crate::statistics::percentile;

/// How long putting or getting a backup may take, in ms.
const MOST_BACKUP_MS: f64 = 10.0;

/// A [`Row`] with the times of single runs. What is bare is the store's call for backups and the
/// protocol in one process for a login.
#[derive(Serialize)]
pub(crate) struct TimedRow {
    #[serde(flatten)]
    row: Row,
    p50_ms: f64,
    p99_ms: f64,
    bare_p50_ms: Option<f64>,
    bare_p99_ms: Option<f64>,
    /// CPU of the bare call's caller; for a login, of both sides.
    bare_cpu_ms: Option<f64>,
    /// CPU of the embedded database for the bare call.
    bare_stand_ins_cpu_ms: Option<f64>,
    /// p50 over the bare p50.
    p50_ratio_to_bare: Option<f64>,
    /// What of it the device's own files take: the same write alone.
    files_p50_ms: Option<f64>,
    /// Of the backup, as the user sealed it.
    backup_bytes: Option<u64>,
}

impl TimedRow {
    pub(crate) fn new(name: &str, cost: &Cost, took: &[Duration]) -> Self {
        Self {
            row: Row::new(name, cost, None),
            p50_ms: ms(percentile(took, 50)),
            p99_ms: ms(percentile(took, 99)),
            bare_p50_ms: None,
            bare_p99_ms: None,
            bare_cpu_ms: None,
            bare_stand_ins_cpu_ms: None,
            p50_ratio_to_bare: None,
            files_p50_ms: None,
            backup_bytes: None,
        }
    }

    /// The same beside something bare.
    pub(crate) fn beside(self, cost: &Cost, bare: &Cost, took: &[Duration]) -> Self {
        let bare_p50_ms = ms(percentile(took, 50));
        Self {
            row: Row::new(self.row.name(), cost, Some(bare)),
            bare_p50_ms: Some(bare_p50_ms),
            bare_p99_ms: Some(ms(percentile(took, 99))),
            bare_cpu_ms: Some(ms(bare.client_cpu + bare.server_cpu)),
            bare_stand_ins_cpu_ms: Some(ms(bare.stand_ins_cpu)),
            p50_ratio_to_bare: (bare_p50_ms > 0.0).then(|| self.p50_ms / bare_p50_ms),
            ..self
        }
    }

    /// The same with what writing the device's files alone takes.
    pub(crate) fn with_files(self, took: &[Duration]) -> Self {
        Self { files_p50_ms: Some(ms(percentile(took, 50))), ..self }
    }

    /// The same with the backup's size.
    pub(crate) fn of_size(self, bytes: u64) -> Self {
        Self { backup_bytes: Some(bytes), ..self }
    }

    /// Whether the target for backups holds; none for what is no backup.
    pub(crate) fn verdict(&self) -> Option<bool> {
        self.backup_bytes.map(|_| self.p50_ms <= MOST_BACKUP_MS)
    }

    /// The heading of [`TimedRow::line`].
    pub(crate) fn heading() -> String {
        format!(
            "{:<20} {:>7} {:>8} {:>8} {:>9} {:>9} {:>7} {:>7} {:>6} {:>8} {:>8} {:>7} {:>7} {:>6}  target",
            "",
            "sealed",
            "client",
            "enclave",
            "functions",
            "stand-ins",
            "p50",
            "p99",
            "files",
            "bare cpu",
            "stand-in",
            "p50",
            "p99",
            "/ bare",
        )
    }

    /// For people, in ms.
    pub(crate) fn line(&self) -> String {
        let or_dash = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{v:.2}"));
        format!(
            "{:<20} {:>7} {:>8.2} {:>8.2} {:>9.2} {:>9.2} {:>7.2} {:>7.2} {:>6} {:>8} {:>8} {:>7} {:>7} {:>6}  {}",
            self.row.name(),
            self.backup_bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()),
            self.row.client_cpu_ms,
            self.row.enclave_cpu_ms,
            self.row.functions_cpu_ms,
            self.row.stand_ins_cpu_ms,
            self.p50_ms,
            self.p99_ms,
            or_dash(self.files_p50_ms),
            or_dash(self.bare_cpu_ms),
            or_dash(self.bare_stand_ins_cpu_ms),
            or_dash(self.bare_p50_ms),
            or_dash(self.bare_p99_ms),
            or_dash(self.p50_ratio_to_bare),
            self.verdict().map_or("-", |met| if met { "met" } else { "missed" }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_held_to_its_p50() {
        let times = |ms: &[u64]| ms.iter().copied().map(Duration::from_millis).collect::<Vec<_>>();
        let row = |took: &[u64]| TimedRow::new("x", &Cost::default(), &times(took));
        assert_eq!(row(&[9, 10, 99]).of_size(1).verdict(), Some(true));
        assert_eq!(row(&[9, 11, 12]).of_size(1).verdict(), Some(false));
        assert_eq!(row(&[9, 11, 12]).verdict(), None);
        let beside = row(&[12]).beside(&Cost::default(), &Cost::default(), &times(&[4]));
        assert_eq!(beside.p50_ratio_to_bare, Some(3.0));
    }
}
