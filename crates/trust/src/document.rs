use crate::Error;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde_bytes::ByteBuf;
use sharekeep_schemas::codec;
use sharekeep_schemas::tenant::{
    MAX_DOCUMENT_BYTES, SIGNATURE_LABEL, SignedTenantDocument, TenantDocument,
};

/// Signs a document: the encoded [`SignedTenantDocument`].
#[must_use]
pub fn sign(operator: &SigningKey, document: &TenantDocument) -> Vec<u8> {
    let document = codec::encode(document);
    let signature = operator.sign(&[SIGNATURE_LABEL, &document].concat());
    codec::encode(&SignedTenantDocument {
        document: ByteBuf::from(document),
        signature: ByteBuf::from(signature.to_bytes().to_vec()),
    })
}

/// Reads a signed document. Whose it is and whether it is the newest, the caller must ask.
///
/// # Errors
/// [`Error::Unsigned`].
pub fn verify(operator: &VerifyingKey, bytes: &[u8]) -> Result<TenantDocument, Error> {
    let signed: SignedTenantDocument =
        codec::decode(bytes, MAX_DOCUMENT_BYTES).map_err(|_| Error::Unsigned)?;
    let signature = Signature::from_slice(&signed.signature).map_err(|_| Error::Unsigned)?;
    let message = [SIGNATURE_LABEL, &signed.document].concat();
    operator.verify_strict(&message, &signature).map_err(|_| Error::Unsigned)?;
    let document: TenantDocument =
        codec::decode(&signed.document, MAX_DOCUMENT_BYTES).map_err(|_| Error::Unsigned)?;
    if document.version == 1 { Ok(document) } else { Err(Error::Unsigned) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::tests::example;

    fn operator() -> SigningKey {
        SigningKey::from_bytes(&[1; 32])
    }

    /// Signs bytes of any kind, with or without the label.
    fn signed(label: &[u8], document: Vec<u8>) -> Vec<u8> {
        let signature = operator().sign(&[label, &document].concat());
        codec::encode(&SignedTenantDocument {
            document: ByteBuf::from(document),
            signature: ByteBuf::from(signature.to_bytes().to_vec()),
        })
    }

    #[test]
    fn a_signature_without_the_label_is_worth_nothing() {
        let document = codec::encode(&example());
        let key = operator().verifying_key();
        assert!(verify(&key, &signed(SIGNATURE_LABEL, document.clone())).is_ok());
        assert_eq!(verify(&key, &signed(b"", document.clone())), Err(Error::Unsigned));
        let other = b"sharekeep/release-manifest/v1\0";
        assert_eq!(verify(&key, &signed(other, document)), Err(Error::Unsigned));
    }

    /// What is around the document may be written in more than one way; what it says may not.
    #[test]
    fn no_flipped_bit_makes_another_document() {
        let bytes = sign(&operator(), &example());
        let key = operator().verifying_key();
        let mut refused = 0;
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            match verify(&key, &changed) {
                Ok(document) => assert_eq!(document, example(), "{bit}"),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > bytes.len() * 7);
    }

    #[test]
    fn unknown_fields_other_versions_and_larger_documents_are_refused_although_they_are_signed() {
        let key = operator().verifying_key();
        let other_version = TenantDocument { version: 2, ..example() };
        assert_eq!(verify(&key, &sign(&operator(), &other_version)), Err(Error::Unsigned));

        #[derive(serde::Serialize)]
        struct More {
            #[serde(flatten)]
            document: TenantDocument,
            more: bool,
        }
        let more = codec::encode(&More { document: example(), more: true });
        assert_eq!(verify(&key, &signed(SIGNATURE_LABEL, more)), Err(Error::Unsigned));

        let origins = vec!["a".repeat(MAX_DOCUMENT_BYTES)];
        let large = TenantDocument { origins, ..example() };
        assert_eq!(verify(&key, &sign(&operator(), &large)), Err(Error::Unsigned));
    }
}
