//! An NSM of one's own.

use crate::Error;
use crate::ports::Nsm;
use ciborium::Value;
use sharekeep_channel::attestation::Pcr;
use sharekeep_schemas::codec;
use std::sync::atomic::{AtomicU64, Ordering};

/// Documents without a signature: the core reads only their time; everybody else's checks have
/// tests of their own.
pub(crate) struct TestNsm {
    pub(crate) unix_s: AtomicU64,
    pub(crate) attestations: AtomicU64,
}

impl TestNsm {
    pub(crate) fn at(unix_s: u64) -> Self {
        Self { unix_s: AtomicU64::new(unix_s), attestations: AtomicU64::new(0) }
    }
}

impl Nsm for TestNsm {
    fn attest(
        &self,
        user_data: Option<&[u8]>,
        nonce: Option<&[u8]>,
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, Error> {
        self.attestations.fetch_add(1, Ordering::Relaxed);
        let bytes = |b: Option<&[u8]>| b.map_or(Value::Null, |b| Value::Bytes(b.to_vec()));
        let payload = Value::Map(vec![
            ("timestamp".into(), (self.unix_s.load(Ordering::Relaxed) * 1000).into()),
            ("user_data".into(), bytes(user_data)),
            ("nonce".into(), bytes(nonce)),
            ("public_key".into(), bytes(public_key)),
        ]);
        let payload = Value::Bytes(codec::encode(&payload));
        Ok(codec::encode(&Value::Array(vec![
            Value::Bytes(vec![]),
            Value::Map(vec![]),
            payload,
            Value::Bytes(vec![0; 96]),
        ])))
    }

    fn pcr(&self, _: u16) -> Result<Pcr, Error> {
        Ok(Pcr::from_bytes([1; 48]))
    }
}
