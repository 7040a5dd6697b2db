use std::io;

/// What ends the program, or keeps it from starting. What happens on one connection ends that one
/// alone and is no error of the program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An entry of the list of places is no `host:port`, or is one that must never be reached.
    #[error("not a place that the enclave may reach: {0}")]
    Place(String),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The table `fleet` cannot be written. Says the store's code and nothing of its message.
    #[error("the table of the fleet cannot be written: {0}")]
    Fleet(String),
}
