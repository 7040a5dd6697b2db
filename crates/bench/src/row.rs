//! One line of the result.

use std::time::Duration;

use serde::Serialize;

/// CPU of the service beyond the bare protocol, per round trip, in ms.
const MOST_OVERHEAD_MS: f64 = 3.0;
/// CPU of a whole ceremony over the bare protocol's.
const MOST_RATIO: f64 = 1.1;

/// What an operation cost, per run.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) client_cpu: Duration,
    /// The server's side of the protocol; through the stack, the enclave and the functions.
    pub(crate) server_cpu: Duration,
    /// The part of it that the functions have; all of the rest is the enclave's.
    pub(crate) functions_cpu: Duration,
    /// What the enclave spent meanwhile on primes for later preparations. In no other number.
    pub(crate) prime_search_cpu: Duration,
    /// What stands in for AWS: the embedded DynamoDB and KMS. In no other number.
    pub(crate) stand_ins_cpu: Duration,
    pub(crate) wall: Duration,
    pub(crate) round_trips: u64,
    pub(crate) bytes: u64,
}

impl Cost {
    /// The mean of several runs.
    pub(crate) fn mean(runs: &[Self]) -> Self {
        let count = u32::try_from(runs.len().max(1)).expect("nobody repeats 4 billion times");
        let sum = |part: fn(&Self) -> Duration| runs.iter().map(part).sum::<Duration>() / count;
        Self {
            client_cpu: sum(|c| c.client_cpu),
            server_cpu: sum(|c| c.server_cpu),
            functions_cpu: sum(|c| c.functions_cpu),
            prime_search_cpu: sum(|c| c.prime_search_cpu),
            stand_ins_cpu: sum(|c| c.stand_ins_cpu),
            wall: sum(|c| c.wall),
            round_trips: runs.iter().map(|c| c.round_trips).sum::<u64>() / u64::from(count),
            bytes: runs.iter().map(|c| c.bytes).sum::<u64>() / u64::from(count),
        }
    }

    fn cpu(&self) -> Duration {
        self.client_cpu + self.server_cpu
    }
}

/// A row of `./dev bench --json`.
#[derive(Serialize)]
pub(crate) struct Row {
    /// scheme/protocol/operation.
    name: String,
    pub(crate) client_cpu_ms: f64,
    server_cpu_ms: f64,
    /// The functions' part of the server's.
    pub(crate) functions_cpu_ms: f64,
    /// The enclave's part of the server's.
    pub(crate) enclave_cpu_ms: f64,
    /// The enclave's search for later preparations' primes meanwhile; not in the server's.
    prime_search_cpu_ms: f64,
    /// The embedded DynamoDB and KMS; not in the server's.
    pub(crate) stand_ins_cpu_ms: f64,
    wall_ms: f64,
    round_trips: u64,
    bytes: u64,
    /// CPU of both sides over CPU of both sides of the bare protocol, in this run.
    ratio_to_bare: Option<f64>,
    /// CPU of enclave and functions over the bare server's side, per round trip, in ms: HTTP, store,
    /// sealing and encapsulation. What the device spends is in `client_cpu_ms`.
    service_overhead_ms_per_round_trip: Option<f64>,
}

/// In ms, to the microsecond.
pub(crate) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

impl Row {
    /// What the protocol alone cost, or the same through the stack compared to that.
    pub(crate) fn new(operation: &str, cost: &Cost, bare: Option<&Cost>) -> Self {
        let name = operation.to_owned();
        let overhead = bare.filter(|_| cost.round_trips > 0).map(|bare| {
            let trips = u32::try_from(cost.round_trips).unwrap_or(u32::MAX);
            ms(cost.server_cpu.saturating_sub(bare.server_cpu) / trips)
        });
        Self {
            name,
            client_cpu_ms: ms(cost.client_cpu),
            server_cpu_ms: ms(cost.server_cpu),
            functions_cpu_ms: ms(cost.functions_cpu),
            enclave_cpu_ms: ms(cost.server_cpu.saturating_sub(cost.functions_cpu)),
            prime_search_cpu_ms: ms(cost.prime_search_cpu),
            stand_ins_cpu_ms: ms(cost.stand_ins_cpu),
            wall_ms: ms(cost.wall),
            round_trips: cost.round_trips,
            bytes: cost.bytes,
            ratio_to_bare: bare.map(|bare| {
                (cost.cpu().as_secs_f64() / bare.cpu().as_secs_f64() * 1e3).round() / 1e3
            }),
            service_overhead_ms_per_round_trip: overhead,
        }
    }

    /// What it is about.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The heading of [`Row::line`].
    pub(crate) fn heading() -> String {
        format!(
            "{:<31} {:>8} {:>8} {:>9} {:>8} {:>9} {:>8} {:>5} {:>8} {:>7} {:>9}  {}",
            "scheme/protocol/operation",
            "client",
            "enclave",
            "functions",
            "primes",
            "stand-ins",
            "wall",
            "trips",
            "bytes",
            "/ bare",
            "svc/trip",
            "target"
        )
    }

    /// Whether design targets hold: at most 3 ms of the service's CPU a round trip beyond the bare
    /// protocol, or, for whole ceremonies that cost more than that by themselves, at most 1.1 times
    /// the bare protocol. `None` where there is nothing to compare with.
    pub(crate) fn verdict(&self) -> Option<bool> {
        let (ratio, overhead) = self.ratio_to_bare.zip(self.service_overhead_ms_per_round_trip)?;
        Some(ratio <= MOST_RATIO || overhead <= MOST_OVERHEAD_MS)
    }

    /// For people, in ms.
    pub(crate) fn line(&self) -> String {
        let or_dash = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{v:.2}"));
        format!(
            "{:<31} {:>8.2} {:>8.2} {:>9.2} {:>8.2} {:>9.2} {:>8.2} {:>5} {:>8} {:>7} {:>9}  {}",
            self.name,
            self.client_cpu_ms,
            self.enclave_cpu_ms,
            self.functions_cpu_ms,
            self.prime_search_cpu_ms,
            self.stand_ins_cpu_ms,
            self.wall_ms,
            self.round_trips,
            self.bytes,
            or_dash(self.ratio_to_bare),
            or_dash(self.service_overhead_ms_per_round_trip),
            self.verdict().map_or("-", |met| if met { "met" } else { "missed" }),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_compares_both_sides_and_the_overhead_is_the_services() {
        let cost = |ms| Cost {
            client_cpu: Duration::from_millis(ms),
            server_cpu: Duration::from_millis(ms),
            round_trips: 2,
            ..Cost::default()
        };
        let row = Row::new("x", &cost(15), Some(&cost(10)));
        assert_eq!(row.ratio_to_bare, Some(1.5));
        assert_eq!(row.service_overhead_ms_per_round_trip, Some(2.5));
    }
}
