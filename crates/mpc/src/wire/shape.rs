//! A first look at a CBOR body that allocates nothing and computes nothing.
//!
//! The libraries' decoders take integers of any size: one message with a modulus of a megabyte
//! would keep the enclave busy for minutes in its first exponentiation, and `"radix": 99` would
//! panic inside the big-integer library. Both are refused here, before a decoder runs.

/// The deepest nesting of any round's message.
const MAX_DEPTH: usize = 12;

/// What a body may look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The longest byte or text string, in bytes. Big integers travel as hexadecimal text, so this
    /// bounds them at 4 bits a byte.
    pub(crate) longest_string: usize,
    /// The most data items in total, counted with their containers.
    pub(crate) most_items: usize,
}

impl Shape {
    /// Whether `body` is exactly one well-formed data item of definite length within the limits.
    pub(crate) fn admits(&self, body: &[u8]) -> bool {
        self.walk(body).is_some()
    }

    fn walk(&self, body: &[u8]) -> Option<()> {
        let mut cursor = body;
        let mut items = 0;
        // How many items each open container still expects.
        let mut open = [0u64; MAX_DEPTH];
        let mut depth = 0;
        loop {
            items += 1;
            if items > self.most_items {
                return None;
            }
            let (major, value) = head(&mut cursor)?;
            let children = match major {
                0 | 1 => 0,
                2 | 3 => {
                    let length = usize::try_from(value).ok()?;
                    if length > self.longest_string {
                        return None;
                    }
                    let (string, rest) = cursor.split_at_checked(length)?;
                    cursor = rest;
                    // The unsigned integer 16 must follow: any other radix can panic.
                    if string == b"radix" && cursor.first() != Some(&0x10) {
                        return None;
                    }
                    0
                }
                4 => value,
                5 => value.checked_mul(2)?,
                // false, true, null; no tags, floats or other simple values.
                7 if (20..=22).contains(&value) => 0,
                _ => return None,
            };
            if children > 0 {
                // A container cannot hold more items than bytes remain.
                if depth == MAX_DEPTH || children > cursor.len() as u64 {
                    return None;
                }
                open[depth] = children;
                depth += 1;
                continue;
            }
            // This item is complete; so may be the containers it was the last of.
            loop {
                if depth == 0 {
                    return cursor.is_empty().then_some(());
                }
                open[depth - 1] -= 1;
                if open[depth - 1] > 0 {
                    break;
                }
                depth -= 1;
            }
        }
    }
}

/// Takes one item head: major type and argument (RFC 8949 §3). Indefinite lengths are refused.
fn head(cursor: &mut &[u8]) -> Option<(u8, u64)> {
    let (first, rest) = cursor.split_first()?;
    *cursor = rest;
    let width = match first & 0x1f {
        small @ 0..=23 => return Some((first >> 5, u64::from(small))),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    // Major type 7 with an argument is a float or an unassigned simple value.
    if first >> 5 == 7 {
        return None;
    }
    let (argument, rest) = cursor.split_at_checked(width)?;
    *cursor = rest;
    let value = argument.iter().fold(0u64, |value, byte| (value << 8) | u64::from(*byte));
    Some((first >> 5, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { longest_string: 8, most_items: 16 };

    fn body(value: &impl serde::Serialize) -> Vec<u8> {
        crate::wire::encode(value).unwrap()
    }

    #[test]
    fn ordinary_values_pass() {
        assert!(SHAPE.admits(&body(&(1u8, "text", Some(-3), [true, false], None::<u8>))));
        assert!(SHAPE.admits(&[0x80]));
    }

    #[test]
    fn long_strings_many_items_and_deep_nesting_are_refused() {
        assert!(!SHAPE.admits(&body(&"nine byte")));
        assert!(!SHAPE.admits(&body(&[0u8; 16])));
        let mut deep = vec![0x81; MAX_DEPTH];
        deep.push(0);
        assert!(SHAPE.admits(&deep));
        deep.insert(0, 0x81);
        assert!(!SHAPE.admits(&deep));
    }

    #[test]
    fn a_radix_other_than_sixteen_is_refused() {
        assert!(SHAPE.admits(&[0xa1, 0x65, b'r', b'a', b'd', b'i', b'x', 0x10]));
        assert!(!SHAPE.admits(&[0xa1, 0x65, b'r', b'a', b'd', b'i', b'x', 0x18, 99]));
    }

    #[test]
    fn truncated_trailing_indefinite_tagged_and_lying_bodies_are_refused() {
        for bad in [
            &[][..],
            &[0x82, 0x01],
            &[0x01, 0x01],
            &[0x9f, 0xff],
            &[0xc0, 0x01],
            &[0xf9, 0x00, 0x00],
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert!(!SHAPE.admits(bad), "{bad:02x?}");
        }
    }
}
