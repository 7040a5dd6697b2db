/// Bytes that bind several fields unambiguously: a label, then each field with its length.
///
/// Without the lengths, ("a", "bc") and ("ab", "c") would be the same associated data.
#[must_use]
pub struct Transcript(Vec<u8>);

impl Transcript {
    /// Starts with a label of the place the bytes are for, its version included.
    pub fn new(label: &'static str) -> Self {
        Self(Vec::with_capacity(128)).field(label.as_bytes())
    }

    /// Appends `bytes` behind their length (8 bytes, big-endian).
    pub fn field(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    /// The bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Transcript;

    #[test]
    fn moving_a_byte_between_fields_changes_the_transcript() {
        let one = Transcript::new("t").field(b"a").field(b"bc").finish();
        let other = Transcript::new("t").field(b"ab").field(b"c").finish();
        assert_ne!(one, other);
    }
}
