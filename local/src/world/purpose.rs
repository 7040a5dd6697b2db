use serde::{Deserialize, Serialize};
use sharekeep_enclave_app::Limits;
use sharekeep_functions::Config;

/// More than a machine can use in a minute: a rate that is there and never slows anybody down.
const UNHURRIED: u32 = 60_000;

/// What a stack is started for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Development: rates and users as they are by default.
    #[default]
    Development,
    /// Measurements. A crowd of users can sign in, and the rates do not slow it down although it
    /// comes from one address to one enclave. The guesses that a passcode has, and the waits between
    /// them, are the same.
    Measurement,
    /// Tests that kill processes: an enclave that follows a killed one need not wait for the lease
    /// that it left, nor pace its guesses, and searches no primes.
    Crashes,
}

impl Purpose {
    /// The enclave's limits.
    pub fn limits(self) -> Limits {
        match self {
            Self::Development => Limits::default(),
            Self::Measurement => Limits { guesses_per_minute: UNHURRIED, ..Limits::default() },
            Self::Crashes => Limits {
                primes: 0,
                guess_lease_s: 1,
                guesses_per_minute: UNHURRIED,
                ..Limits::default()
            },
        }
    }

    /// The functions' configuration.
    pub fn config(self) -> Config {
        match self {
            Self::Development | Self::Crashes => Config::default(),
            Self::Measurement => Config {
                unsigned_per_minute_per_address: UNHURRIED,
                openings_per_minute_per_tenant: UNHURRIED,
                guesses_per_minute_per_user: UNHURRIED,
                recoveries_per_minute_per_user: UNHURRIED,
                ..Config::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_for_development_has_the_rates_of_production() {
        let (limits, config) = (Purpose::default().limits(), Purpose::default().config());
        assert_eq!(limits.guesses_per_minute, Limits::default().guesses_per_minute);
        let default = Config::default();
        assert_eq!(config.guesses_per_minute_per_user, default.guesses_per_minute_per_user);
        assert_eq!(config.unsigned_per_minute_per_address, default.unsigned_per_minute_per_address);
        assert!(Purpose::Measurement.limits().guesses_per_minute > limits.guesses_per_minute);
    }
}
