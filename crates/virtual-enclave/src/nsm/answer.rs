use std::collections::BTreeSet;

use aws_nitro_enclaves_nsm_api::api::{Digest, ErrorCode, Request, Response};
use sharekeep_testkit::{Error as SoftError, SoftNsm};

/// Longest request that the module reads; the driver sends none that is longer.
pub(super) const MAX_REQUEST_BYTES: usize = 0x1000;

/// Registers, of which the first are the image's and locked before it runs.
const PCRS: u16 = 32;
const LOCKED_PCRS: u16 = 16;

/// What the module answers to a request: CBOR both.
pub(super) fn answer(nsm: &SoftNsm, request: &[u8]) -> Vec<u8> {
    let response = match read(request) {
        Ok(request) => respond(nsm, request),
        Err(code) => Response::Error(code),
    };
    encode(&response)
}

/// That the guest left too little room for an answer.
pub(super) fn buffer_too_small() -> Vec<u8> {
    encode(&Response::Error(ErrorCode::BufferTooSmall))
}

fn encode(response: &Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(response, &mut bytes).expect("writing to memory can't fail");
    bytes
}

fn read(mut request: &[u8]) -> Result<Request, ErrorCode> {
    if request.len() > MAX_REQUEST_BYTES {
        return Err(ErrorCode::InputTooLarge);
    }
    let read = ciborium::from_reader(&mut request).map_err(|_| ErrorCode::InvalidOperation)?;
    if request.is_empty() { Ok(read) } else { Err(ErrorCode::InvalidArgument) }
}

fn respond(nsm: &SoftNsm, request: Request) -> Response {
    match request {
        Request::DescribeNSM => Response::DescribeNSM {
            version_major: 1,
            version_minor: 0,
            version_patch: 0,
            module_id: nsm.module_id().to_owned(),
            max_pcrs: PCRS,
            locked_pcrs: BTreeSet::from_iter(0..LOCKED_PCRS),
            digest: Digest::SHA384,
        },
        Request::DescribePCR { index } => match nsm.describe_pcr(index) {
            Some(pcr) => Response::DescribePCR { lock: index < LOCKED_PCRS, data: pcr.to_vec() },
            None => Response::Error(ErrorCode::InvalidIndex),
        },
        Request::GetRandom => match nsm.random() {
            Ok(random) => Response::GetRandom { random: random.to_vec() },
            Err(_) => Response::Error(ErrorCode::InternalError),
        },
        Request::Attestation { user_data, nonce, public_key } => {
            let [user_data, nonce, public_key] =
                [&user_data, &nonce, &public_key].map(|field| field.as_ref().map(|it| &it[..]));
            match nsm.attest(user_data, nonce, public_key) {
                Ok(document) => Response::Attestation { document },
                Err(SoftError::InputTooLarge) => Response::Error(ErrorCode::InputTooLarge),
                Err(_) => Response::Error(ErrorCode::InternalError),
            }
        }
        Request::ExtendPCR { index, .. } | Request::LockPCR { index } => {
            Response::Error(unchangeable(index))
        }
        Request::LockPCRs { range } if range > PCRS => Response::Error(ErrorCode::InvalidIndex),
        // Locked registers are all there is to lock.
        Request::LockPCRs { range } if range <= LOCKED_PCRS => Response::LockPCRs,
        _ => Response::Error(ErrorCode::InvalidOperation),
    }
}

/// Why a register can't be changed: the image's are locked, and registers for the program's own use
/// are no part of this module, since our enclave uses none.
fn unchangeable(index: u16) -> ErrorCode {
    match index {
        0..LOCKED_PCRS => ErrorCode::ReadOnlyIndex,
        LOCKED_PCRS..PCRS => ErrorCode::InvalidOperation,
        PCRS.. => ErrorCode::InvalidIndex,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_bytes::ByteBuf;
    use sharekeep_channel::attestation::{ExpectedNonce, Pcr, PcrSet, Policy, verify};
    use sharekeep_testkit::NsmRoot;
    use std::time::{Duration, SystemTime};

    const MEASURED: [[u8; 48]; 3] = [[1; 48], [2; 48], [3; 48]];

    fn module() -> (NsmRoot, SoftNsm) {
        let root = NsmRoot::ephemeral().unwrap();
        let nsm = SoftNsm::new(root.issue_leaf("i-0test-enc1", MEASURED).unwrap());
        (root, nsm)
    }

    fn ask(nsm: &SoftNsm, request: &Request) -> Response {
        let mut bytes = Vec::new();
        ciborium::into_writer(request, &mut bytes).unwrap();
        ciborium::from_reader(&answer(nsm, &bytes)[..]).unwrap()
    }

    fn attestation(user_data: usize, nonce: usize, public_key: usize) -> Request {
        let field = |length| Some(ByteBuf::from(vec![7; length]));
        Request::Attestation {
            user_data: field(user_data),
            nonce: field(nonce),
            public_key: field(public_key),
        }
    }

    #[test]
    fn a_document_shows_the_measured_image_under_the_root_up_to_the_longest_fields() {
        let (root, nsm) = module();
        let Response::Attestation { document } = ask(&nsm, &attestation(512, 512, 1024)) else {
            panic!("no document");
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let [pcr0, pcr1, pcr2] = MEASURED.map(Pcr::from_bytes);
        let attested = verify(
            &document,
            &Policy {
                root_der: root.root_der(),
                now_unix_s: now.as_secs(),
                max_age: Duration::from_secs(60),
                allowed_pcrs: &[PcrSet { pcr0, pcr1, pcr2 }],
                nonce: ExpectedNonce::Exactly(&[7; 512]),
            },
        )
        .unwrap();
        assert_eq!(attested.user_data, Some(vec![7; 512]));
        assert_eq!(attested.public_key, Some(vec![7; 1024]));
    }

    #[test]
    fn a_field_that_is_one_byte_too_long_gets_no_document() {
        let (_, nsm) = module();
        for (user_data, nonce, public_key) in [(513, 0, 0), (0, 513, 0), (0, 0, 1025)] {
            let answer = ask(&nsm, &attestation(user_data, nonce, public_key));
            assert!(matches!(answer, Response::Error(ErrorCode::InputTooLarge)));
        }
    }

    #[test]
    fn requests_that_are_none_get_an_error_and_never_a_panic() {
        let (_, nsm) = module();
        let deep = vec![0x81; MAX_REQUEST_BYTES];
        let trailing = b"\x69GetRandom\0".to_vec();
        let endless = b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec();
        for request in [vec![], deep, trailing, endless, b"\x63Foo".to_vec()] {
            let answer: Response = ciborium::from_reader(&answer(&nsm, &request)[..]).unwrap();
            assert!(matches!(answer, Response::Error(_)), "{request:x?}");
        }
        let long = vec![0; MAX_REQUEST_BYTES + 1];
        let answer: Response = ciborium::from_reader(&answer(&nsm, &long)[..]).unwrap();
        assert!(matches!(answer, Response::Error(ErrorCode::InputTooLarge)));
    }

    #[test]
    fn the_image_s_registers_are_shown_and_locked_and_the_others_are_zero() {
        let (_, nsm) = module();
        for index in 0..PCRS {
            let Response::DescribePCR { lock, data } = ask(&nsm, &Request::DescribePCR { index })
            else {
                panic!("register {index}");
            };
            let expected = MEASURED.get(usize::from(index)).unwrap_or(&[0; 48]);
            assert_eq!((lock, &data[..]), (index < 16, &expected[..]));
        }
        let beyond = ask(&nsm, &Request::DescribePCR { index: PCRS });
        assert!(matches!(beyond, Response::Error(ErrorCode::InvalidIndex)));
    }

    #[test]
    fn no_register_can_be_changed() {
        let (_, nsm) = module();
        for index in [0, 2, 15, 16, 31, 32, u16::MAX] {
            let extended = ask(&nsm, &Request::ExtendPCR { index, data: vec![1; 48] });
            let locked = ask(&nsm, &Request::LockPCR { index });
            for answer in [extended, locked] {
                let fits = match answer {
                    Response::Error(ErrorCode::ReadOnlyIndex) => index < 16,
                    Response::Error(ErrorCode::InvalidOperation) => (16..32).contains(&index),
                    Response::Error(ErrorCode::InvalidIndex) => index >= 32,
                    _ => false,
                };
                assert!(fits, "{index}");
            }
        }
        assert_eq!(nsm.describe_pcr(0), Some(MEASURED[0]));
    }

    #[test]
    fn random_bytes_are_not_the_same_twice() {
        let (_, nsm) = module();
        let random = || match ask(&nsm, &Request::GetRandom) {
            Response::GetRandom { random } => random,
            _ => panic!("no random bytes"),
        };
        let first = random();
        assert_eq!(first.len(), 256);
        assert_ne!(first, random());
    }
}
