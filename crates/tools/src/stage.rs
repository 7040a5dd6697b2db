//! Printing of a run that has stages: a heading each, its time, one table at the end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How a stage that did not fail ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything it looks at is in order.
    Passed,
    /// It did not fail, but a reader must know this.
    Warned(String),
}

/// A run in progress.
pub(crate) struct Stages {
    total: usize,
    done: Vec<Row>,
}

struct Row {
    name: String,
    took: Duration,
    result: Result<Outcome, ()>,
}

impl Stages {
    /// A run of `total` stages.
    pub(crate) fn new(total: usize) -> Self {
        Self { total, done: Vec::with_capacity(total) }
    }

    /// Runs one stage. Its error ends the run: the table so far is printed and the stage named.
    pub(crate) fn run(
        &mut self,
        name: &str,
        job: &str,
        work: impl FnOnce() -> Result<Outcome>,
    ) -> Result<()> {
        println!("\n==> {}/{} {name}: {job}", self.done.len() + 1, self.total);
        let start = Instant::now();
        let result = work();
        let took = start.elapsed();
        let kept = result.as_ref().map(Outcome::clone).map_err(|_| ());
        self.done.push(Row { name: name.to_owned(), took, result: kept });
        match result {
            Ok(Outcome::Passed) => println!("    {name} passed in {}", seconds(took)),
            Ok(Outcome::Warned(what)) => println!("    {name}: WARNING: {what}"),
            Err(error) => {
                print!("{}", self.table());
                return Err(error).with_context(|| {
                    format!("stage `{name}` failed; repeat it alone with `./dev test {name}`")
                });
            }
        }
        Ok(())
    }

    /// Prints the table of all stages.
    pub(crate) fn finish(self) {
        print!("{}", self.table());
    }

    fn table(&self) -> String {
        let width = self.done.iter().map(|row| row.name.len()).max().unwrap_or(0);
        let mut table = String::from("\n");
        for Row { name, took, result } in &self.done {
            let result = match result {
                Ok(Outcome::Passed) => "passed".to_owned(),
                Ok(Outcome::Warned(what)) => format!("WARNING: {what}"),
                Err(()) => "FAILED".to_owned(),
            };
            table += &format!("  {name:width$}  {:>8}  {result}\n", seconds(*took));
        }
        let total = self.done.iter().map(|row| row.took).sum();
        table + &format!("  {:width$}  {:>8}\n", "total", seconds(total))
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_stage_ends_the_run_and_is_named() {
        let mut stages = Stages::new(2);
        stages.run("first", "", || Ok(Outcome::Passed)).expect("first passes");
        let error = stages.run("second", "", || anyhow::bail!("broken")).unwrap_err();
        assert!(format!("{error:#}").contains("stage `second` failed"));
        assert!(format!("{error:#}").contains("broken"));
        assert!(stages.table().contains("FAILED"));
    }

    #[test]
    fn a_warning_is_still_there_in_the_final_table() {
        let mut stages = Stages::new(1);
        stages.run("deny", "", || Ok(Outcome::Warned("not checked".into()))).expect("warned");
        assert!(stages.table().contains("WARNING: not checked"));
    }
}
