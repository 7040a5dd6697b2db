//! A preparation of the device's own in place of the one that came with its backups. It is made once
//! everything else is done and said, so whatever comes of it is no failure.

use crate::arguments::Common;
use crate::context::Context;
use crate::output::say;
use crate::progress::Display;
use sharekeep::{Passphrase, PrimeFinder, Progress, Result, SignedIn, Step};
use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the wallets sign while it is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Meanwhile {
    /// With the preparation that came along.
    Signing,
    /// None came along: the first signature would make one.
    Unprepared,
}

impl Meanwhile {
    const fn begins(self) -> &'static str {
        match self {
            Self::Signing => {
                "Making a fresh preparation for the cggmp24 wallets. They sign meanwhile; Ctrl-C \
                 stops it safely."
            }
            Self::Unprepared => {
                "Making a preparation for the cggmp24 wallets: none came with their backups. Ctrl-C \
                 stops it safely."
            }
        }
    }

    const fn stopped(self) -> &'static str {
        match self {
            Self::Signing => {
                "Stopped. The wallets sign; `sharekeep prepare --again` makes it later."
            }
            Self::Unprepared => {
                "Stopped. `sharekeep prepare` or the first signature makes it later."
            }
        }
    }
}

const MADE: &str = "The fresh preparation is there.";
const MADE_BEFORE: &str = "Another command has made it.";
const LAST_SECONDS: &str = "Both sides are storing it: some seconds more.";

/// The step of the exchange with which the enclave replaces its half.
const REPLACING: u32 = 2;

/// Makes it, or says why not and how to have it later.
pub(crate) async fn make(common: &Common, passphrase: &Passphrase, meanwhile: Meanwhile) {
    say(meanwhile.begins());
    let stopped = meanwhile.stopped();
    say(&match search_and_exchange(common, passphrase).await {
        Ok(Some(said)) => said.to_owned(),
        Ok(None) => stopped.to_owned(),
        Err(error) => format!("It was not made now ({error}). {stopped}"),
    });
}

/// What came of it; `None` if it was stopped.
async fn search_and_exchange(
    common: &Common,
    passphrase: &Passphrase,
) -> Result<Option<&'static str>> {
    let display = Display::new();
    // The device stays closed over the search, which is nearly all of the time.
    let primes = tokio::select! {
        primes = PrimeFinder::start().primes(|found| display.report(Step::Primes(found))) => primes,
        () = interrupted() => return Ok(None),
    };
    let context = Context::open_with(common, passphrase)?;
    context
        .run(async |context| {
            let session = context.session().await?;
            let exchange = Exchange { display, replacing: AtomicBool::new(false) };
            let user = SignedIn::new(&context.client, &context.home, &session, &exchange);
            let mut refreshing = pin!(user.refresh_preparation(primes));
            loop {
                tokio::select! {
                    made = &mut refreshing => {
                        return Ok(Some(if made?.is_some() { MADE } else { MADE_BEFORE }));
                    }
                    // Once the enclave has replaced its half, this device must do so too.
                    () = interrupted() => match exchange.replacing.load(Ordering::Relaxed) {
                        true => say(LAST_SECONDS),
                        false => return Ok(None),
                    },
                }
            }
        })
        .await
}

/// Ends at the next Ctrl-C. From the first call on, that does not kill the process any more.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // It cannot be listened to, so it kills, as ever.
        pending().await
    }
}

/// Shows how the exchange goes, and knows how far it is.
struct Exchange {
    display: Display,
    replacing: AtomicBool,
}

impl Progress for Exchange {
    fn report(&self, step: Step) {
        if matches!(step, Step::Ceremony { step: REPLACING.. }) {
            self.replacing.store(true, Ordering::Relaxed);
        }
        self.display.report(step);
    }
}
