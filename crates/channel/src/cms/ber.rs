use crate::{Error, Result};

/// Nesting of EnvelopedData with its algorithm parameters is 9.
const MAX_DEPTH: usize = 16;
/// An envelope has about 40 values, and one more for each chunk of content.
const MAX_NODES: usize = 256;
const CONSTRUCTED: u8 = 0x20;
const END_OF_CONTENTS: &[u8] = &[0, 0];

/// One value in BER (X.690), read once into a tree, so that nesting costs no more than length.
pub(super) struct Node<'a> {
    pub(super) tag: u8,
    content: Content<'a>,
}

enum Content<'a> {
    Primitive(&'a [u8]),
    Constructed(Vec<Node<'a>>),
}

fn malformed() -> Error {
    Error::CmsMalformed("ber")
}

struct Reader {
    nodes_left: usize,
}

impl Reader {
    /// One value off the front of `input`.
    fn value<'a>(&mut self, input: &mut &'a [u8], depth: usize) -> Result<Node<'a>> {
        self.nodes_left = self.nodes_left.checked_sub(1).ok_or_else(malformed)?;
        let depth = depth.checked_sub(1).ok_or_else(malformed)?;
        let tag = byte(input)?;
        // Multi-byte tags occur nowhere in CMS; a zero tag is an end of contents out of place.
        if tag & 0x1f == 0x1f || tag == 0 {
            return Err(malformed());
        }
        let content = match (length(input)?, tag & CONSTRUCTED != 0) {
            (Some(length), true) => {
                let mut inner = split(input, length)?;
                let mut children = Vec::new();
                while !inner.is_empty() {
                    children.push(self.value(&mut inner, depth)?);
                }
                Content::Constructed(children)
            }
            (Some(length), false) => Content::Primitive(split(input, length)?),
            (None, true) => {
                let mut children = Vec::new();
                while !input.starts_with(END_OF_CONTENTS) {
                    children.push(self.value(input, depth)?);
                }
                split(input, END_OF_CONTENTS.len())?;
                Content::Constructed(children)
            }
            (None, false) => return Err(malformed()),
        };
        Ok(Node { tag, content })
    }
}

fn byte(input: &mut &[u8]) -> Result<u8> {
    let (first, rest) = input.split_first().ok_or_else(malformed)?;
    *input = rest;
    Ok(*first)
}

fn split<'a>(input: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    let (front, rest) = input.split_at_checked(length).ok_or_else(malformed)?;
    *input = rest;
    Ok(front)
}

/// A length, or `None` for the indefinite form.
fn length(input: &mut &[u8]) -> Result<Option<usize>> {
    match byte(input)? {
        short @ 0..=0x7f => Ok(Some(usize::from(short))),
        0x80 => Ok(None),
        long @ 0x81..=0x84 => {
            let bytes = split(input, usize::from(long & 0x7f))?;
            Ok(Some(bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))))
        }
        _ => Err(malformed()),
    }
}

impl<'a> Node<'a> {
    /// Reads one value and nothing behind it. The caller has capped the length of `input`.
    pub(super) fn parse(mut input: &'a [u8]) -> Result<Self> {
        let node = Reader { nodes_left: MAX_NODES }.value(&mut input, MAX_DEPTH)?;
        if input.is_empty() { Ok(node) } else { Err(malformed()) }
    }

    pub(super) fn children(&self, tag: u8) -> Option<&[Self]> {
        match &self.content {
            Content::Constructed(children) if self.tag == tag => Some(children),
            _ => None,
        }
    }

    pub(super) fn primitive(&self, tag: u8) -> Option<&'a [u8]> {
        match &self.content {
            Content::Primitive(bytes) if self.tag == tag => Some(bytes),
            _ => None,
        }
    }

    /// The bytes of a string of the given primitive tag, in one piece or in chunks of octet strings.
    pub(super) fn string(&self, tag: u8) -> Option<Vec<u8>> {
        const OCTET_STRING: u8 = 0x04;
        match &self.content {
            Content::Primitive(bytes) if self.tag == tag => Some(bytes.to_vec()),
            Content::Constructed(chunks) if self.tag == tag | CONSTRUCTED => {
                let mut out = Vec::new();
                for chunk in chunks {
                    out.extend_from_slice(&chunk.string(OCTET_STRING)?);
                }
                Some(out)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_or_wide_input_ends_in_an_error() {
        assert!(Node::parse(&[0x30, 0x80].repeat(8000)).is_err());
        assert!(Node::parse(&[&[0x30, 0x82, 0x10, 0][..], &[5, 0].repeat(2048)].concat()).is_err());
        assert!(Node::parse(&[0x04, 0x84, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(Node::parse(&[0x04, 0x80, 0, 0]).is_err());
        assert!(Node::parse(&[]).is_err());
    }

    #[test]
    fn chunked_and_whole_strings_read_the_same() {
        let whole = Node::parse(&[0x04, 2, 1, 2]).unwrap();
        let chunked = Node::parse(&[0x24, 0x80, 4, 1, 1, 4, 1, 2, 0, 0]).unwrap();
        assert_eq!(whole.string(4), chunked.string(4));
        assert_eq!(whole.string(4), Some(vec![1, 2]));
    }
}
