//! What was done and how long it took.

use std::time::Duration;

/// The table at the end.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<(String, Duration)>,
}

impl Table {
    /// Notes a step and tells it at once.
    pub(crate) fn add(&mut self, what: impl Into<String>, took: Duration) {
        let what = what.into();
        println!("  {what} ({})", shown(took));
        self.rows.push((what, took));
    }

    /// Prints all of them.
    pub(crate) fn print(&self) {
        let width = self.rows.iter().map(|(what, _)| what.chars().count()).max().unwrap_or(0);
        for (what, took) in &self.rows {
            println!("  {what:width$}  {:>9}", shown(*took));
        }
    }
}

fn shown(took: Duration) -> String {
    if took < Duration::from_secs(1) {
        format!("{} ms", took.as_millis())
    } else {
        format!("{:.1} s", took.as_secs_f64())
    }
}
