use crate::{Error, Result};
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use zeroize::Zeroizing;

const CONTENT_KEY_BYTES: usize = 32;

/// An RSA-2048 key that KMS seals answers to. Made at start, kept in memory only.
///
/// RSA and AES come from aws-lc, whose decryption runs in constant time.
pub struct RecipientKey {
    key: OaepPrivateDecryptingKey,
    public_key_der: Vec<u8>,
}

impl RecipientKey {
    /// Makes a key with the library's own random generator; takes up to a second.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn generate() -> Result<Self> {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).map_err(|_| Error::Library)?;
        let der: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(|_| Error::Library)?;
        let public_key_der = der.as_ref().to_vec();
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| Error::Library)?;
        Ok(Self { key, public_key_der })
    }

    /// SubjectPublicKeyInfo, DER: what goes into the `public_key` of the document for KMS.
    #[must_use]
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key_der
    }

    /// Opens a `CiphertextForRecipient`.
    ///
    /// # Errors
    /// [`Error::CmsMalformed`] if it can't be read, [`Error::CmsOpening`] if it does not open.
    pub fn open(&self, ciphertext_for_recipient: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let envelope = super::parse(ciphertext_for_recipient)?;
        let mut buffer = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let content_key = self
            .key
            .decrypt(&OAEP_SHA256_MGF1SHA256, &envelope.encrypted_key, &mut buffer, None)
            .map_err(|_| Error::CmsOpening)?;
        if content_key.len() != CONTENT_KEY_BYTES {
            return Err(Error::CmsOpening);
        }
        let cipher = UnboundCipherKey::new(&AES_256, content_key)
            .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
            .map_err(|_| Error::CmsOpening)?;
        let mut content = Zeroizing::new(envelope.content);
        let iv = DecryptionContext::Iv128(FixedLength::from(envelope.iv));
        let plaintext = cipher.decrypt(&mut content, iv).map_err(|_| Error::CmsOpening)?;
        Ok(Zeroizing::new(plaintext.to_vec()))
    }
}
