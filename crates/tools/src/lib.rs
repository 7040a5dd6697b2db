//! What ./dev does: set-up, checks, demo and bench.
