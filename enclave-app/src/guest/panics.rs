use super::say;
use std::panic::{self, Location};
use std::thread;

/// From now on a panic, of whichever thread or task, says where it was and never what: the message of a
/// library's may quote the value that it did not expect.
pub fn quiet_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or("an unknown place", Location::file);
        let line = panic.location().map_or(0, Location::line);
        let name = thread::current().name().unwrap_or("without a name").to_owned();
        say(format_args!("a panic at {place}:{line}, thread {name}"));
    }));
}
