//! Events: what the user's other devices should know. Rows and nothing else; enclaves write them and
//! never read them.

pub(crate) mod list;
