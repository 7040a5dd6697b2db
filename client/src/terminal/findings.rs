use super::exit;
use super::report::{Report, table};
use serde_json::json;

/// How something is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Health {
    /// As it must be.
    Good,
    /// It works, but somebody should know.
    Warning,
    /// Something must be done.
    Bad,
}

/// What one check found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// How it is.
    pub health: Health,
    /// What was seen, and what to do about it.
    pub detail: String,
}

/// What a doctor found so far.
#[derive(Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// One more.
    pub fn add(&mut self, what: impl Into<String>, health: Health, detail: impl Into<String>) {
        self.0.push(Finding { what: what.into(), health, detail: detail.into() });
    }

    /// All of them, in the order in which they were found.
    pub fn all(&self) -> &[Finding] {
        &self.0
    }

    /// Says them, a line each. Warnings alone do not fail a script.
    pub fn report(&self) -> Report {
        let word = |health| match health {
            Health::Good => "ok",
            Health::Warning => "warning",
            Health::Bad => "problem",
        };
        let rows: Vec<_> = self
            .0
            .iter()
            .map(|f| vec![word(f.health).to_owned(), f.what.clone(), f.detail.clone()])
            .collect();
        let checks: Vec<_> = self
            .0
            .iter()
            .map(|f| json!({ "check": f.what, "result": word(f.health), "detail": f.detail }))
            .collect();
        let bad = self.0.iter().any(|f| f.health == Health::Bad);
        let code = if bad { exit::UNHEALTHY } else { 0 };
        Report { text: table(&rows), json: json!({ "ok": !bad, "checks": checks }), code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_alone_do_not_fail_a_script() {
        let mut findings = Findings::default();
        findings.add("a", Health::Good, "");
        findings.add("b", Health::Warning, "");
        assert_eq!(findings.report().code, 0);
        findings.add("c", Health::Bad, "");
        assert_eq!(findings.report().code, exit::UNHEALTHY);
    }
}
