use super::forms::forms_of;
use super::needles::Needle;

/// What reports call the canary.
pub const CANARY: &str = "canary";

/// Random bytes that are no secret, to be planted where secrets are searched for: a search that
/// does not find them is blind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Canary([u8; 32]);

impl Canary {
    /// A fresh one.
    pub fn random() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system's random source works on every Linux");
        Self(bytes)
    }

    /// One that was planted before.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// To search for.
    pub fn needle(&self) -> Needle {
        Needle::new(CANARY, self.0.to_vec())
    }

    /// All its forms one after the other, to be planted.
    pub fn spelled_out(&self) -> Vec<u8> {
        forms_of(&self.0).into_iter().flat_map(|(_, bytes)| [&bytes[..], b"\n"].concat()).collect()
    }
}
