//! Passcodes: what a login costs each side, and whether a right one can be told from a wrong one by
//! the time until the enclave answers.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand_core::OsRng;
use serde::Serialize;
use sharekeep::{Error, NewFactor, Progress, Step, UnlockWith};
use sharekeep_recovery::passcode::{
    Passcode, PasscodeBinding, PasscodeLogin, PasscodeRegistration, PasscodeServer,
    RegisteredPasscode, Stretching,
};
use sharekeep_schemas::{FactorId, UserId};

use crate::cpu;
use crate::row::Cost;
use crate::statistics::Comparison;
use crate::through_stack::Bench;
use crate::timed::TimedRow;
use crate::user::Device;

const RIGHT: &str = "right of 8 bench";
const WRONG: &str = "wrong of 8 bench";

/// What was found.
pub(crate) struct Found {
    pub(crate) login: TimedRow,
    pub(crate) timing: Timing,
}

/// Logs in through the stack and in one process, and compares right guesses with wrong ones.
pub(crate) fn measure(bench: &Bench, times: u32) -> Result<Found> {
    let factor = NewFactor::passcode(Passcode::new(RIGHT)?);
    let id = factor.id();
    let device = bench.wait(bench.crowd().new_user(vec![factor]))?.device;
    let user = device.user(bench.crowd());
    let (cost, took) = bench.measure(times, |_| {
        bench.wait(user.unlock(with(RIGHT, id)?))?;
        Ok(())
    })?;
    let (bare, bare_took) = log_in_bare(times)?;
    let login = TimedRow::new("passcode/login", &cost, &took).beside(&cost, &bare, &bare_took);
    Ok(Found { login, timing: compare(bench, &device, id, times)? })
}

fn with(passcode: &str, factor: FactorId) -> Result<UnlockWith> {
    Ok(UnlockWith::Passcode { passcode: Passcode::new(passcode)?, factor: Some(factor) })
}

/// Both sides in this thread, with no guess counted and nothing stored.
fn log_in_bare(times: u32) -> Result<(Cost, Vec<Duration>)> {
    let (tenant, user) = ("bench".parse()?, UserId::new([1; UserId::LEN]));
    let factor = FactorId::new([2; FactorId::LEN]);
    let stretching = Stretching::default();
    let binding = PasscodeBinding { tenant: &tenant, user: &user, factor, stretching };
    let server = PasscodeServer::generate(&mut OsRng);
    let (registration, request) = PasscodeRegistration::start(Passcode::new(RIGHT)?, &mut OsRng)?;
    let response = server.register(&request, &binding)?;
    let (upload, _) = registration.finish(&response, &binding, &mut OsRng)?;
    let registered = RegisteredPasscode::from_upload(&upload)?;
    let (mut costs, mut took) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let (wall, start) = (Instant::now(), cpu::of_thread());
        let (login, ke1) = PasscodeLogin::start(Passcode::new(RIGHT)?, &mut OsRng)?;
        let asked = cpu::of_thread();
        let (pending, ke2) = server.respond(Some(&registered), &binding, &ke1, &mut OsRng)?;
        let answered = cpu::of_thread();
        let (ke3, _) = login.finish(&ke2, &binding, &mut OsRng)?;
        let proved = cpu::of_thread();
        pending.finish(&ke3, &binding)?;
        let wall = wall.elapsed();
        took.push(wall);
        costs.push(Cost {
            client_cpu: (asked - start) + (proved - answered),
            server_cpu: (answered - asked) + (cpu::of_thread() - proved),
            wall,
            round_trips: 2,
            bytes: (ke1.len() + ke2.len() + ke3.len()) as u64,
            ..Cost::default()
        });
    }
    Ok((Cost::mean(&costs), took))
}

/// How right and wrong guesses compare, from the guess to the enclave's answer. What comes after
/// differs for everybody to see: only a right one is finished.
#[derive(Serialize)]
pub(crate) struct Timing {
    name: &'static str,
    runs_each: usize,
    wall: Compared,
    server_cpu: Compared,
}

/// One quantity of both.
#[derive(Serialize)]
struct Compared {
    right_mean_ms: f64,
    wrong_mean_ms: f64,
    welch_t: f64,
    standard_error_ms: f64,
    meaning: String,
}

impl Compared {
    fn of(what: &str, right: &[f64], wrong: &[f64]) -> Result<Self> {
        let found = Comparison::of(right, wrong).context("too few guesses to compare")?;
        let Comparison { means: [right_mean_ms, wrong_mean_ms], error, t } = found;
        let meaning = if found.differs() {
            format!(
                "{what} tells right from wrong by {:.3} ms on average, more than chance explains",
                right_mean_ms - wrong_mean_ms
            )
        } else {
            format!(
                "{what} does not tell right from wrong; a difference above {:.3} ms would have shown",
                2.0 * error
            )
        };
        Ok(Self { right_mean_ms, wrong_mean_ms, welch_t: t, standard_error_ms: error, meaning })
    }
}

impl Timing {
    /// For people.
    pub(crate) fn lines(&self) -> [String; 2] {
        [("wall", &self.wall), ("server CPU", &self.server_cpu)].map(|(what, c)| {
            format!(
                "  {what:<11} right {:>8.3}  wrong {:>8.3}  t = {:>6.2}  {}",
                c.right_mean_ms, c.wrong_mean_ms, c.welch_t, c.meaning
            )
        })
    }
}

/// Notes when a guess leaves and when its answer is there, and what the service had spent by then.
struct Stopwatch<'b> {
    bench: &'b Bench,
    marks: Mutex<Vec<(Instant, Duration)>>,
}

impl Progress for Stopwatch<'_> {
    fn report(&self, step: Step) {
        // Reading the clocks of others takes a while, which must not count.
        let spent = || self.bench.service_cpu().unwrap_or_default();
        let mark = match step {
            Step::Guessing => {
                let spent = spent();
                (Instant::now(), spent)
            }
            Step::Stretching => (Instant::now(), spent()),
            _ => return,
        };
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).push(mark);
    }
}

fn compare(bench: &Bench, device: &Device, factor: FactorId, times: u32) -> Result<Timing> {
    let watch = Stopwatch { bench, marks: Mutex::default() };
    let user = device.watched_user(bench.crowd(), &watch);
    // Right, wrong, wrong, right: each comes as often after the one as after the other, and never
    // more than two wrong ones in a row, so no guess has to wait.
    let (mut walls, mut cpus) = ([vec![], vec![]], [vec![], vec![]]);
    for number in 0..times.div_ceil(2) * 4 {
        let wrong = matches!(number % 4, 1 | 2);
        match bench.wait(user.unlock(with(if wrong { WRONG } else { RIGHT }, factor)?)) {
            Ok(_) => ensure!(!wrong, "a wrong passcode opened"),
            Err(Error::WrongPasscode { .. }) => ensure!(wrong, "the right passcode did not open"),
            Err(error) => return Err(error.into()),
        }
        let marks =
            std::mem::take(&mut *watch.marks.lock().unwrap_or_else(PoisonError::into_inner));
        let [(left, before), (came, after)] = marks[..] else {
            anyhow::bail!("a guess was not told of");
        };
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        walls[usize::from(wrong)].push(ms(came - left));
        cpus[usize::from(wrong)].push(ms(after.saturating_sub(before)));
    }
    Ok(Timing {
        name: "passcode/timing",
        runs_each: walls[0].len(),
        wall: Compared::of("the time to the answer", &walls[0], &walls[1])?,
        server_cpu: Compared::of("the service's CPU", &cpus[0], &cpus[1])?,
    })
}
