//! Software NSM and KMS for the embedded default and for tests.
