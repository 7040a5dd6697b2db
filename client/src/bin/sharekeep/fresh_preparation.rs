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

const BEGINS: &str = "\
Making a fresh preparation for the cggmp24 wallets. They sign meanwhile; Ctrl-C stops it safely.";
const STOPPED: &str = "Stopped. The wallets sign; `sharekeep prepare --again` makes it later.";
const MADE: &str = "The fresh preparation is there.";
const MADE_BEFORE: &str = "Another command has made it.";
const LAST_SECONDS: &str = "Both sides are storing it: some seconds more.";

/// The step of the exchange with which the enclave replaces its half.
const REPLACING: u32 = 2;

/// Makes it, or says why not and how to have it later.
pub(crate) async fn make(common: &Common, passphrase: &Passphrase) {
    say(BEGINS);
    say(&match search_and_exchange(common, passphrase).await {
        Ok(said) => said.to_owned(),
        Err(error) => format!("It was not made now ({error}). {STOPPED}"),
    });
}

async fn search_and_exchange(common: &Common, passphrase: &Passphrase) -> Result<&'static str> {
    let display = Display::new();
    // The device stays closed over the search, which is nearly all of the time.
    let primes = tokio::select! {
        primes = PrimeFinder::start().primes(|found| display.report(Step::Primes(found))) => primes,
        () = interrupted() => return Ok(STOPPED),
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
                        return Ok(if made?.is_some() { MADE } else { MADE_BEFORE });
                    }
                    // Once the enclave has replaced its half, this device must do so too.
                    () = interrupted() => match exchange.replacing.load(Ordering::Relaxed) {
                        true => say(LAST_SECONDS),
                        false => return Ok(STOPPED),
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
