use crate::config::Pcrs;
use crate::error::Result;
use crate::problem::NotAProblem;
use crate::state::State;
use axum::Json;
use axum::extract::State as Use;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use sharekeep_schemas::enclave::{EnclaveHealth, RecordKey};
use sharekeep_schemas::http::{Readiness, ReadinessCheck};
use sharekeep_schemas::limits::MAX_CLOCK_SKEW_S;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// How long an answer serves all who ask, in milliseconds: anybody may ask, and each answer costs
/// the store and the enclave something.
const KEPT_MS: u64 = 1_000;
/// Most enclaves asked for it.
const MAX_ASKED: usize = 32;

/// The last answer and its time.
#[derive(Default)]
pub(crate) struct ReadinessCache(Mutex<Option<(u64, Readiness)>>);

/// Whether requests can be served
///
/// Checks the store and every enclave that lives and stays: that one answers at least, and of all that
/// do their access to KMS, their clocks and their measurements.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    operation_id = "isReady",
    responses(
        (status = 200, body = Readiness, description = "All checks passed"),
        (status = 503, body = Readiness, description = "One did not"),
    ),
)]
pub(crate) async fn ready(Use(state): Use<State>) -> Response {
    let readiness = {
        let mut kept = state.readiness.0.lock().await;
        let now = state.clock.now_unix_ms();
        match &*kept {
            Some((at, readiness)) if now.saturating_sub(*at) < KEPT_MS => readiness.clone(),
            _ => {
                let readiness = check(&state).await;
                *kept = Some((now, readiness.clone()));
                readiness
            }
        }
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = (status, Json(readiness)).into_response();
    response.extensions_mut().insert(NotAProblem);
    response
}

async fn check(state: &State) -> Readiness {
    let store = async {
        match state.store.row(&RecordKey::DeploymentKeys).await {
            Ok(_) => passed("store", "answers"),
            Err(_) => failed("store", "does not answer"),
        }
    };
    let (store, enclaves) = tokio::join!(store, healths(state));
    let mut checks = vec![store];
    match enclaves {
        Ok(healths) => {
            let now = state.clock.now_unix_s();
            checks.extend(fleet_checks(&healths, now, &state.config.expected_pcrs));
        }
        Err(_) => checks.push(failed("enclave", "who lives is not known")),
    }
    Readiness { ready: checks.iter().all(|check| check.ok), checks }
}

/// Asks the enclaves that live, and are not about to leave, how they are; none for one that does not
/// answer.
async fn healths(state: &State) -> Result<Vec<Option<EnclaveHealth>>> {
    let mut asked = JoinSet::new();
    let staying = state.fleet.living().await?.into_iter().filter(|row| !row.draining);
    for row in staying.take(MAX_ASKED) {
        let enclave = state.fleet.client(&row);
        asked.spawn(async move { enclave.health().await.ok() });
    }
    Ok(asked.join_all().await)
}

/// One enclave that answers is enough to serve; but what answers must be right, each of them.
fn fleet_checks(
    healths: &[Option<EnclaveHealth>],
    now: u64,
    expected_pcrs: &[Pcrs],
) -> Vec<ReadinessCheck> {
    let answers: Vec<_> = healths.iter().flatten().collect();
    let detail = format!("{} of {} answer", answers.len(), healths.len());
    let mut checks = vec![check_of("enclave", !answers.is_empty(), detail)];
    let each: Vec<_> =
        answers.iter().map(|health| enclave_checks(health, now, expected_pcrs)).collect();
    for n in 0..each.first().map_or(0, |checks| checks.len()) {
        let of_all = || each.iter().map(|checks| &checks[n]);
        let worst = of_all().find(|check| !check.ok).or_else(|| of_all().next());
        checks.extend(worst.cloned());
    }
    checks
}

fn enclave_checks(health: &EnclaveHealth, now: u64, expected_pcrs: &[Pcrs]) -> [ReadinessCheck; 3] {
    let kms = match health.kms_ok_age_s {
        _ if health.kms_failing => failed("kms", "a call failed lately"),
        Some(age) => check_of("kms", true, format!("answered {age} s ago")),
        None => passed("kms", "not needed yet"),
    };
    let skew = health.time_unix_s.abs_diff(now);
    let clock = check_of("clock", skew <= MAX_CLOCK_SKEW_S, format!("{skew} s apart"));
    let debug = health.pcrs.iter().all(|pcr| pcr.iter().all(|byte| *byte == 0));
    let is = |image: &Pcrs| {
        health.pcrs.iter().map(|pcr| pcr.as_slice()).eq(image.iter().map(Vec::as_slice))
    };
    let expected = expected_pcrs.is_empty() || expected_pcrs.iter().any(is);
    let pcrs = if debug {
        failed("pcrs", "a debug enclave: its measurements are zero")
    } else if !expected {
        failed("pcrs", "not an expected image")
    } else if expected_pcrs.is_empty() {
        passed("pcrs", "measured; none are configured to compare with")
    } else {
        passed("pcrs", "an expected image")
    };
    [kms, clock, pcrs]
}

fn passed(name: &str, detail: &str) -> ReadinessCheck {
    check_of(name, true, detail.to_owned())
}

fn failed(name: &str, detail: &str) -> ReadinessCheck {
    check_of(name, false, detail.to_owned())
}

fn check_of(name: &str, ok: bool, detail: String) -> ReadinessCheck {
    ReadinessCheck { name: name.to_owned(), ok, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_bytes::ByteBuf;
    use sharekeep_schemas::EnclaveKeyId;

    fn health() -> EnclaveHealth {
        EnclaveHealth {
            enclave_key: EnclaveKeyId::new([1; 32]),
            time_unix_s: 1_000,
            pcrs: vec![ByteBuf::from(vec![1; 48]); 3],
            kms_ok_age_s: Some(3),
            kms_failing: false,
            ceremonies: 0,
            queued_steps: 0,
            primes_ready: 0,
            primes_wanted: 0,
        }
    }

    fn image(byte: u8) -> Pcrs {
        vec![vec![byte; 48]; 3]
    }

    fn bytes(pcrs: Pcrs) -> Vec<ByteBuf> {
        pcrs.into_iter().map(ByteBuf::from).collect()
    }

    fn not_ok(health: &EnclaveHealth, expected: &[Pcrs]) -> Vec<String> {
        not_ok_of(&[Some(health.clone())], expected)
    }

    fn not_ok_of(healths: &[Option<EnclaveHealth>], expected: &[Pcrs]) -> Vec<String> {
        fleet_checks(healths, 1_000, expected)
            .into_iter()
            .filter_map(|check| (!check.ok).then_some(check.name))
            .collect()
    }

    #[test]
    fn each_check_fails_for_its_own_reason() {
        assert!(not_ok(&health(), &[]).is_empty());
        assert!(not_ok(&health(), &[image(1)]).is_empty());
        assert_eq!(not_ok(&health(), &[image(2)]), ["pcrs"]);
        let zero = EnclaveHealth { pcrs: vec![ByteBuf::from(vec![0; 48]); 3], ..health() };
        assert_eq!(not_ok(&zero, &[]), ["pcrs"]);
        assert_eq!(not_ok(&EnclaveHealth { kms_failing: true, ..health() }, &[]), ["kms"]);
        assert_eq!(not_ok(&EnclaveHealth { time_unix_s: 900, ..health() }, &[]), ["clock"]);
    }

    #[test]
    fn while_hosts_are_replaced_each_of_both_images_is_ready_and_no_mixture() {
        let next = EnclaveHealth { pcrs: bytes(image(2)), ..health() };
        let both = [image(1), image(2)];
        assert!(not_ok_of(&[Some(health()), Some(next)], &both).is_empty());
        let mut mixed = image(1);
        mixed[0] = vec![2; 48];
        for pcrs in [image(3), mixed, vec![], vec![vec![1; 48]; 2]] {
            let other = EnclaveHealth { pcrs: bytes(pcrs), ..health() };
            assert_eq!(not_ok_of(&[Some(health()), Some(other)], &both), ["pcrs"]);
        }
    }

    #[test]
    fn one_enclave_that_answers_is_enough_and_a_wrong_one_is_too_many() {
        assert_eq!(not_ok_of(&[], &[]), ["enclave"]);
        assert_eq!(not_ok_of(&[None, None], &[]), ["enclave"]);
        assert!(not_ok_of(&[None, Some(health())], &[]).is_empty());
        let detail = fleet_checks(&[None, Some(health())], 1_000, &[])[0].detail.clone();
        assert_eq!(detail, "1 of 2 answer");
        let late = EnclaveHealth { time_unix_s: 900, ..health() };
        assert_eq!(not_ok_of(&[Some(health()), Some(late)], &[]), ["clock"]);
    }
}
