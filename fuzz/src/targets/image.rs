//! An enclave image and its manifest, as somebody gives them to be verified.

use sharekeep_image::{Image, Manifest};

/// Whatever loads the image reads these bytes again: there must be one way to read them.
pub(crate) fn file(bytes: &[u8]) {
    let Ok(image) = Image::parse(bytes) else { return };
    assert_eq!(image.to_bytes(), bytes, "one image has one file");
    let again = Image::parse(&image.to_bytes()).expect("what was written can be read");
    assert_eq!(again.measurements(), image.measurements());
}

pub(crate) fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(manifest) = Manifest::parse(text) else { return };
    assert_eq!(manifest.to_text(), text, "one manifest has one text");
    assert!(manifest.compare(&manifest).iter().all(|part| part.same));
    assert!(manifest.verify(&[]).is_err(), "no image is empty");
}
