use super::step;
use crate::Error;
use crate::ports::NitroNsm;
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use std::fs::{self, File};
use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Which of the kernel's drivers feeds its generator.
const CURRENT_SOURCE: &str = "/sys/class/misc/hw_random/rng_current";
/// The name of the security module's, in the kernel's `drivers/misc/nsm.c`.
const NSM_SOURCE: &str = "nsm-hwrng";
/// Fewest bytes at once from the security module; it gives 256.
const MIN_BYTES: usize = 32;
/// Longest wait for the kernel's generator, which its driver fills within milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Checks that the kernel's generator is fed by the security module and by no device of the host's.
pub(super) fn check_source() -> Result<(), Error> {
    let name = fs::read_to_string(CURRENT_SOURCE).map_err(step("ask who feeds the generator"))?;
    is_nsm(&name)
}

fn is_nsm(source: &str) -> Result<(), Error> {
    if source.trim_end() == NSM_SOURCE {
        Ok(())
    } else {
        Err(Error::Randomness("not fed by the nsm"))
    }
}

/// Stirs the security module's bytes into the kernel's generator, and waits until it is ready.
pub(super) fn seed(nsm: &NitroNsm) -> Result<(), Error> {
    let pool = File::options().write(true).open("/dev/urandom");
    let mut pool = pool.map_err(step("open the generator"))?;
    stir(&nsm.random()?, &nsm.random()?, &mut pool)?;
    await_generator()
}

/// A module that says the same twice is broken, or none.
fn stir(first: &[u8], second: &[u8], pool: &mut impl Write) -> Result<(), Error> {
    if first.len() < MIN_BYTES || second.len() < MIN_BYTES {
        return Err(Error::Randomness("the nsm gives too little"));
    }
    if first[..MIN_BYTES].ct_eq(&second[..MIN_BYTES]).into() {
        return Err(Error::Randomness("the nsm repeats itself"));
    }
    let stirred = pool.write_all(first).and_then(|()| pool.write_all(second));
    stirred.map_err(step("seed the generator"))
}

/// Waits until the generator would never again block. What was stirred in does not count as randomness
/// for the kernel; what its own driver reads from the same module does.
fn await_generator() -> Result<(), Error> {
    let begun = Instant::now();
    let mut drawn = Zeroizing::new([0; MIN_BYTES]);
    loop {
        match getrandom(&mut drawn[..], GetRandomFlags::NONBLOCK) {
            Ok(_) => return Ok(()),
            Err(Errno::AGAIN) if begun.elapsed() < PATIENCE => sleep(Duration::from_millis(2)),
            Err(Errno::AGAIN) => return Err(Error::Randomness("the generator gets no seed")),
            Err(refused) => return Err(step("ask the generator")(refused)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_nsm_may_feed_the_kernels_generator() {
        assert!(is_nsm("nsm-hwrng\n").is_ok());
        // What the kernel says of a device of the host's, of a processor's, and of none.
        for other in ["virtio_rng.0\n", "tpm-rng-0\n", "nsm-hwrng.1\n", "none\n", ""] {
            assert!(matches!(is_nsm(other), Err(Error::Randomness("not fed by the nsm"))));
        }
    }

    #[test]
    fn all_bytes_of_the_nsm_reach_the_generator() {
        let mut pool = Vec::new();
        stir(&[1; 256], &[2; 256], &mut pool).unwrap();
        assert_eq!(pool, [[1; 256], [2; 256]].concat());
    }

    #[test]
    fn an_nsm_that_repeats_itself_or_gives_little_seeds_nothing() {
        let mut pool = Vec::new();
        let mut almost = [7; 256];
        almost[255] = 8;
        for (first, second) in [(&[7; 256][..], &[7; 256][..]), (&[7; 256], &almost)] {
            let refused = stir(first, second, &mut pool);
            assert!(matches!(refused, Err(Error::Randomness("the nsm repeats itself"))));
        }
        for (first, second) in [(&[1; 31][..], &[2; 256][..]), (&[1; 256], &[2; 31]), (&[], &[])] {
            let refused = stir(first, second, &mut pool);
            assert!(matches!(refused, Err(Error::Randomness("the nsm gives too little"))));
        }
        assert!(pool.is_empty());
    }
}
