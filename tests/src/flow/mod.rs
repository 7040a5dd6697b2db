//! Flows that are run on more than one kind of stack: in this process, on an emulated AWS, with the
//! enclave as a guest.

mod carried;
mod lost_ceremony;
mod main_job;
mod passcode;
mod sign_in;

pub use carried::all_that_the_host_carries_is_ciphertext;
pub use lost_ceremony::a_lost_ceremony_harms_no_wallet;
pub use main_job::main_job;
pub use passcode::{count_events, wrong, wrong_twice_then_right};
pub use sign_in::{SignIn, password_opens_a_session};
