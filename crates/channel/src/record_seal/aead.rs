use super::header::{self, COMMITMENT_BYTES, HEADER_BYTES, NONCE_BYTES, SALT_BYTES, TAG_BYTES};
use super::{DataKey, MAX_RECORD_PLAINTEXT_BYTES, RecordHeader, RecordLocation, RecordVersion};
use crate::transcript::Transcript;
use crate::{Error, Result};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use hkdf::Hkdf;
use rand_core::CryptoRngCore;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const AAD_LABEL: &str = "sharekeep/record/v1";
const KEY_LABEL: &str = "sharekeep/record/v1/key";
const COMMITMENT_LABEL: &str = "sharekeep/record/v1/commitment";

/// An opened record.
pub struct OpenedRecord {
    /// The content, wiped on drop.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// Its generation, now authenticated.
    pub version: RecordVersion,
}

struct RecordKey {
    key: Zeroizing<[u8; 32]>,
    commitment: [u8; COMMITMENT_BYTES],
}

impl RecordKey {
    fn derive(data_key: &DataKey, salt: &[u8; SALT_BYTES], label: &str) -> Self {
        let hkdf = Hkdf::<Sha256>::new(Some(salt), data_key.secret());
        let (mut key, mut commitment) = (Zeroizing::new([0; 32]), [0; COMMITMENT_BYTES]);
        let info = |purpose| Transcript::new(purpose).field(label.as_bytes()).finish();
        hkdf.expand(&info(KEY_LABEL), key.as_mut()).expect("a key is less than HKDF can give");
        hkdf.expand(&info(COMMITMENT_LABEL), &mut commitment)
            .expect("a commitment is less than HKDF can give");
        Self { key, commitment }
    }
}

fn associated_data(location: &RecordLocation<'_>, header: &[u8]) -> Vec<u8> {
    Transcript::new(AAD_LABEL)
        .field(location.tenant.as_bytes())
        .field(location.user)
        .field(location.record_id.as_bytes())
        .field(location.kind.label().as_bytes())
        .field(header)
        .finish()
}

/// Seals a record for its one place.
///
/// # Errors
/// [`Error::RecordTooLarge`].
pub fn seal_record(
    data_key: &DataKey,
    location: &RecordLocation<'_>,
    version: RecordVersion,
    plaintext: &[u8],
    rng: &mut impl CryptoRngCore,
) -> Result<Vec<u8>> {
    if plaintext.len() > MAX_RECORD_PLAINTEXT_BYTES {
        return Err(Error::RecordTooLarge);
    }
    let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(&mut nonce);
    let key = RecordKey::derive(data_key, &salt, location.kind.label());
    let header = RecordHeader { data_key_id: data_key.id(), kind: location.kind, version };
    let mut out = Vec::with_capacity(HEADER_BYTES + plaintext.len() + TAG_BYTES);
    header.write(&salt, &nonce, &key.commitment, &mut out);
    let aad = associated_data(location, &out);
    let ciphertext = Aes256Gcm::new((&*key.key).into())
        .encrypt(&nonce.into(), Payload { msg: plaintext, aad: &aad })
        .map_err(|_| Error::RecordTooLarge)?;
    out.extend_from_slice(&ciphertext);
    Ok(out)
}

/// Opens a record at the place it was found.
///
/// # Errors
/// [`Error::RecordTooLarge`], [`Error::RecordMalformed`]; [`Error::RecordOtherDataKey`] if it was
/// sealed with another data key; [`Error::RecordOpening`] if it was changed or belongs elsewhere.
pub fn open_record(
    data_key: &DataKey,
    location: &RecordLocation<'_>,
    sealed: &[u8],
) -> Result<OpenedRecord> {
    let parsed = header::parse(sealed)?;
    if parsed.header.data_key_id != data_key.id() {
        return Err(Error::RecordOtherDataKey);
    }
    // Derived from the kind that is expected, not from the one that is claimed.
    let key = RecordKey::derive(data_key, parsed.salt, location.kind.label());
    if !bool::from(key.commitment.ct_eq(parsed.commitment)) {
        return Err(Error::RecordOpening);
    }
    let aad = associated_data(location, parsed.bytes);
    let plaintext = Aes256Gcm::new((&*key.key).into())
        .decrypt(&(*parsed.nonce).into(), Payload { msg: parsed.ciphertext, aad: &aad })
        .map_err(|_| Error::RecordOpening)?;
    Ok(OpenedRecord { plaintext: Zeroizing::new(plaintext), version: parsed.header.version })
}

#[cfg(test)]
mod tests {
    use super::super::{DataKeyId, RecordKind, peek_record};
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    const PLACE: RecordLocation<'static> =
        RecordLocation { tenant: "shop", user: b"u1", record_id: "w1", kind: RecordKind::Wallet };
    const VERSION: RecordVersion = RecordVersion { epoch: 2, record_version: 5 };
    const GOLDEN: &[u8] = include_bytes!("../../fixtures/record_v1.bin");

    fn key(id: u8, secret: u8) -> DataKey {
        DataKey::new(DataKeyId::from_bytes([id; 16]), Zeroizing::new([secret; 32]))
    }

    fn sealed() -> Vec<u8> {
        let mut rng = ChaCha20Rng::from_seed([3; 32]);
        seal_record(&key(1, 2), &PLACE, VERSION, b"server share", &mut rng).unwrap()
    }

    #[test]
    fn record_of_format_1_still_opens_and_is_still_written() {
        let opened = open_record(&key(1, 2), &PLACE, GOLDEN).unwrap();
        assert_eq!(opened.plaintext.as_slice(), b"server share");
        assert_eq!(opened.version, VERSION);
        assert_eq!(sealed(), GOLDEN);
    }

    #[test]
    fn a_record_moved_to_another_place_does_not_open() {
        let sealed = sealed();
        let places = [
            RecordLocation { tenant: "other", ..PLACE },
            RecordLocation { user: b"u2", ..PLACE },
            RecordLocation { record_id: "w2", ..PLACE },
            RecordLocation { kind: RecordKind::Session, ..PLACE },
            RecordLocation { tenant: "sho", user: b"pu1", ..PLACE },
        ];
        for place in places {
            let opened = open_record(&key(1, 2), &place, &sealed);
            assert!(matches!(opened, Err(Error::RecordOpening)), "{place:?}");
        }
    }

    #[test]
    fn a_record_does_not_open_with_another_data_key() {
        let opened = open_record(&key(9, 2), &PLACE, &sealed());
        assert!(matches!(opened, Err(Error::RecordOtherDataKey)));
        let opened = open_record(&key(1, 9), &PLACE, &sealed());
        assert!(matches!(opened, Err(Error::RecordOpening)));
    }

    #[test]
    fn an_edited_or_shortened_record_does_not_open() {
        let sealed = sealed();
        for i in 0..sealed.len() {
            let mut edited = sealed.clone();
            edited[i] ^= 1;
            assert!(open_record(&key(1, 2), &PLACE, &edited).is_err(), "byte {i}");
            assert!(open_record(&key(1, 2), &PLACE, &sealed[..i]).is_err());
        }
    }

    #[test]
    fn two_writes_of_one_record_share_no_key() {
        let mut rng = rand_core::OsRng;
        let one = seal_record(&key(1, 2), &PLACE, VERSION, b"x", &mut rng).unwrap();
        let two = seal_record(&key(1, 2), &PLACE, VERSION, b"x", &mut rng).unwrap();
        let commitment = HEADER_BYTES - COMMITMENT_BYTES..HEADER_BYTES;
        assert_ne!(one[commitment.clone()], two[commitment]);
    }

    #[test]
    fn a_record_that_no_item_could_hold_is_refused() {
        let long = vec![0; MAX_RECORD_PLAINTEXT_BYTES + 1];
        let mut rng = rand_core::OsRng;
        let refused = seal_record(&key(1, 2), &PLACE, VERSION, &long, &mut rng);
        assert!(matches!(refused, Err(Error::RecordTooLarge)));
        assert!(seal_record(&key(1, 2), &PLACE, VERSION, &long[1..], &mut rng).is_ok());
    }

    proptest! {
        #[test]
        fn every_record_comes_back(
            plaintext: Vec<u8>, user: Vec<u8>, tenant: String, id: String, epoch: u64, version: u64
        ) {
            let place = RecordLocation {
                tenant: &tenant, user: &user, record_id: &id, kind: RecordKind::Factor,
            };
            let version = RecordVersion { epoch, record_version: version };
            let mut rng = rand_core::OsRng;
            let sealed = seal_record(&key(1, 2), &place, version, &plaintext, &mut rng).unwrap();
            prop_assert_eq!(peek_record(&sealed).unwrap().version, version);
            let opened = open_record(&key(1, 2), &place, &sealed).unwrap();
            prop_assert_eq!((&*opened.plaintext, opened.version), (&plaintext, version));
        }

        #[test]
        fn reading_garbage_ends_in_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(open_record(&key(1, 2), &PLACE, &bytes).is_err());
        }
    }
}
