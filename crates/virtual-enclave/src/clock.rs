//! What the guest's kernel must be told of its clock.
//!
//! On Nitro the hypervisor has a clock for its guests. QEMU's `microvm`, in software emulation, has no
//! timer by which a kernel can measure how fast the processor's counter runs; it then counts ticks, of
//! which it gets fewer the busier this machine is, and its clock falls behind by half a second a second.
//! The counter itself is this machine's, so its rate is known here.

use std::fs;

/// Words that go behind the command line of the image, as Nitro's and QEMU's own words about devices
/// do; none if this machine does not say how fast it counts.
pub(crate) fn words() -> String {
    let told = fs::read_to_string("/proc/cpuinfo").ok().and_then(|info| rate_khz(&info));
    told.map_or(String::new(), |rate| format!(" tsc_early_khz={rate} tsc=reliable"))
}

/// The rate of the time-stamp counter, in kHz. Linux waits by that counter, so a "bogus million
/// instructions" are half a million counts, whatever rate the cores have just now.
fn rate_khz(info: &str) -> Option<u64> {
    let line = info.lines().find_map(|line| line.strip_prefix("bogomips"))?;
    let (whole, hundredths) = line.trim_start_matches([' ', '\t', ':']).split_once('.')?;
    if hundredths.len() != 2 {
        return None;
    }
    let hundredths: u64 = format!("{whole}{hundredths}").parse().ok()?;
    Some(hundredths * 5).filter(|rate| *rate > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_half_of_what_linux_calls_bogomips() {
        let info = "cpu MHz\t\t: 1200.000\nbogomips\t: 5192.24\nbogomips\t: 5192.30\n";
        assert_eq!(rate_khz(info), Some(2_596_120));
    }

    #[test]
    fn a_machine_that_does_not_say_its_rate_is_told_nothing() {
        for info in ["", "BogoMIPS\t: 48.00\n", "bogomips\t: fast\n", "bogomips\t: 0.00\n"] {
            assert_eq!(rate_khz(info), None, "{info:?}");
        }
    }
}
