//! Progress on standard error: a bar on a terminal, a line now and then elsewhere.

use crate::output::say;
use indicatif::{ProgressBar, ProgressStyle};
use sharekeep::{PrimeProgress, Progress, Step};
use sharekeep_schemas::ProblemCode;
use std::borrow::Cow;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Pause between two lines where there is no terminal.
const LINE_PAUSE: Duration = Duration::from_secs(5);
/// A preparation's primes.
const PRIMES: u64 = 4;

/// Shows how a command goes on.
pub(crate) struct Display {
    bar: Option<ProgressBar>,
    last_line: Mutex<Option<Instant>>,
}

impl Display {
    pub(crate) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { bar: terminal.then(|| ProgressBar::new(PRIMES)), last_line: Mutex::new(None) }
    }

    fn primes(&self, progress: PrimeProgress) {
        let text = describe(progress);
        match &self.bar {
            Some(bar) => {
                bar.set_style(bar_style());
                bar.set_position(u64::from(progress.found));
                bar.set_message(text);
            }
            None if self.line_is_due() => say(&text),
            None => {}
        }
    }

    fn line_is_due(&self) -> bool {
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= LINE_PAUSE);
        if due {
            *last = Some(Instant::now());
        }
        due
    }

    fn spin(&self, text: impl Into<Cow<'static, str>>) {
        if let Some(bar) = &self.bar {
            bar.set_style(ProgressStyle::default_spinner());
            bar.set_message(text);
            bar.tick();
        }
    }

    fn waiting(&self, code: Option<ProblemCode>) {
        let text = match code {
            Some(code) => format!("waiting: {}", code.title()),
            None => "waiting: no answer".to_owned(),
        };
        if self.bar.is_none() && self.line_is_due() {
            say(&text);
        }
        self.spin(text);
    }
}

impl Progress for Display {
    fn report(&self, step: Step) {
        match step {
            Step::Primes(progress) => self.primes(progress),
            Step::Preparing => self.spin("exchanging proofs with the enclave"),
            Step::Waiting { code, .. } => self.waiting(code),
            Step::Restoring { done, of } => self.spin(format!("opening backups: {done} of {of}")),
            Step::BackupsBehind => {
                say("warning: the backups lack the newest preparation: run `sharekeep prepare`");
            }
            Step::Guessing | Step::Stretching => self.spin("trying the passcode"),
            Step::Ceremony { .. } => self.spin("working with the enclave"),
            _ => {}
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Says what is expected, and no more: how long luck takes is not known.
fn describe(progress: PrimeProgress) -> String {
    let PrimeProgress { found, tested, expected_still, expected_time, .. } = progress;
    let time = match expected_time {
        Some(time) if found < PRIMES as u32 => format!(", on average {} s more", time.as_secs()),
        _ => String::new(),
    };
    format!(
        "searching primes: {found} of {PRIMES}, {tested} candidates tested, \
         {expected_still} more expected{time}"
    )
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("[{bar:20}] {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_has_a_valid_template() {
        assert!(ProgressStyle::with_template("[{bar:20}] {msg}").is_ok());
    }
}
