//! The embedded default: the whole service on one machine.
