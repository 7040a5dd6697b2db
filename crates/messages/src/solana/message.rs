//! The message: what all signers of a Solana transaction sign.

use std::collections::BTreeSet;

use super::wire::Reader;
use crate::MessageError;

/// Largest transaction that the network takes, in bytes (`PACKET_DATA_SIZE`).
pub(super) const PACKET_BYTES: usize = 1232;
/// Length of an Ed25519 signature in bytes.
pub(super) const SIGNATURE_BYTES: usize = 64;
/// Account indices are one byte, so no more accounts can be named.
const MAX_ACCOUNTS: usize = 256;
/// Set in the first byte of versioned messages; the other bits are the version.
const VERSION_BIT: u8 = 0x80;

/// An account's address.
pub(super) type Key = [u8; 32];

/// A message, checked as the runtime's sanitizer does and then some.
pub(super) struct Message<'a> {
    pub(super) version: Version,
    required_signatures: u8,
    readonly_signed: u8,
    readonly_unsigned: u8,
    pub(super) keys: Vec<Key>,
    pub(super) blockhash: Key,
    pub(super) instructions: Vec<Instruction<'a>>,
    pub(super) lookups: Vec<Lookup<'a>>,
}

/// The message's format.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Legacy,
    V0,
}

/// A call of a program.
pub(super) struct Instruction<'a> {
    /// Index of a static key.
    pub(super) program: u8,
    /// Indices of static keys and then of looked-up ones.
    pub(super) accounts: &'a [u8],
    pub(super) data: &'a [u8],
}

/// Accounts taken from an address lookup table.
pub(super) struct Lookup<'a> {
    pub(super) table: Key,
    pub(super) writable: &'a [u8],
    pub(super) readonly: &'a [u8],
}

/// What an index of an account stands for.
pub(super) enum Account<'a> {
    /// A key in the message.
    Static(&'a Key),
    /// An entry of a lookup table.
    LookedUp { table: &'a Key, entry: u8, writable: bool },
}

impl<'a> Message<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, MessageError> {
        // With one signature before it, the message must still fit into a packet.
        let limit = PACKET_BYTES - 1 - SIGNATURE_BYTES;
        if bytes.len() > limit {
            return Err(MessageError::TooLarge { what: "a solana message", limit });
        }
        let mut reader = Reader::new(bytes);
        let version = match bytes.first() {
            Some(first) if first & VERSION_BIT == 0 => Version::Legacy,
            Some(&VERSION_BIT) => {
                reader.byte()?;
                Version::V0
            }
            Some(_) => return Err(MessageError::SolanaMessage("unknown version")),
            None => return Err(MessageError::SolanaMessage("empty")),
        };
        let [required_signatures, readonly_signed, readonly_unsigned] = reader.array()?;
        let message = Self {
            version,
            required_signatures,
            readonly_signed,
            readonly_unsigned,
            keys: list(&mut reader, |reader| reader.array())?,
            blockhash: reader.array()?,
            instructions: list(&mut reader, |reader| {
                Ok(Instruction {
                    program: reader.byte()?,
                    accounts: reader.byte_list()?,
                    data: reader.byte_list()?,
                })
            })?,
            lookups: match version {
                Version::Legacy => Vec::new(),
                Version::V0 => list(&mut reader, |reader| {
                    Ok(Lookup {
                        table: reader.array()?,
                        writable: reader.byte_list()?,
                        readonly: reader.byte_list()?,
                    })
                })?,
            },
        };
        if !reader.rest().is_empty() {
            return Err(MessageError::SolanaMessage("trailing bytes"));
        }
        message.check()?;
        Ok(message)
    }

    fn check(&self) -> Result<(), MessageError> {
        let signers = usize::from(self.required_signatures);
        if signers == 0 || self.readonly_signed >= self.required_signatures {
            return Err(MessageError::SolanaMessage("no signer that pays the fee"));
        }
        if signers + usize::from(self.readonly_unsigned) > self.keys.len() {
            return Err(MessageError::SolanaMessage("header names more accounts than there are"));
        }
        let unique: BTreeSet<&Key> = self.keys.iter().collect();
        if unique.len() != self.keys.len() {
            return Err(MessageError::SolanaMessage("an account is named twice"));
        }
        if self
            .lookups
            .iter()
            .any(|lookup| lookup.writable.is_empty() && lookup.readonly.is_empty())
        {
            return Err(MessageError::SolanaMessage("an empty table lookup"));
        }
        let looked_up: usize =
            self.lookups.iter().map(|lookup| lookup.writable.len() + lookup.readonly.len()).sum();
        let accounts = self.keys.len() + looked_up;
        if accounts > MAX_ACCOUNTS {
            return Err(MessageError::TooLarge {
                what: "the list of accounts",
                limit: MAX_ACCOUNTS,
            });
        }
        for instruction in &self.instructions {
            // The fee payer, account 0, is no program; neither is a looked-up account.
            if instruction.program == 0 || usize::from(instruction.program) >= self.keys.len() {
                return Err(MessageError::SolanaMessage("a program that is not there"));
            }
            if instruction.accounts.iter().any(|account| usize::from(*account) >= accounts) {
                return Err(MessageError::SolanaMessage("an account that is not there"));
            }
        }
        Ok(())
    }

    /// How many signatures the message requires.
    pub(super) fn signers(&self) -> u16 {
        u16::from(self.required_signatures)
    }

    /// The keys that must sign, the fee payer first.
    pub(super) fn signer_keys(&self) -> &[Key] {
        &self.keys[..usize::from(self.required_signatures)]
    }

    /// Where among the signers a key stands.
    pub(super) fn signer_index(&self, key: &Key) -> Option<usize> {
        self.signer_keys().iter().position(|signer| signer == key)
    }

    /// Whether the message may change a static account.
    pub(super) fn is_writable(&self, index: usize) -> bool {
        let signers = usize::from(self.required_signatures);
        if index < signers {
            index < signers - usize::from(self.readonly_signed)
        } else {
            index < self.keys.len() - usize::from(self.readonly_unsigned)
        }
    }

    /// What an index in an instruction stands for: static keys, then all writable looked-up
    /// accounts, then all read-only ones.
    pub(super) fn account(&self, index: u8) -> Option<Account<'_>> {
        let index = usize::from(index);
        if let Some(key) = self.keys.get(index) {
            return Some(Account::Static(key));
        }
        let writable = self
            .lookups
            .iter()
            .flat_map(|lookup| lookup.writable.iter().map(|entry| (&lookup.table, *entry, true)));
        let readonly = self
            .lookups
            .iter()
            .flat_map(|lookup| lookup.readonly.iter().map(|entry| (&lookup.table, *entry, false)));
        writable
            .chain(readonly)
            .nth(index - self.keys.len())
            .map(|(table, entry, writable)| Account::LookedUp { table, entry, writable })
    }
}

/// A list of items after its length. Every item takes bytes, so the input bounds the list.
fn list<'a, T>(
    reader: &mut Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Result<T, MessageError>,
) -> Result<Vec<T>, MessageError> {
    let length = reader.compact_u16()?;
    let mut items = Vec::new();
    for _ in 0..length {
        items.push(read(reader)?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two keys (payer, program) and one instruction without accounts or data.
    fn smallest() -> Vec<u8> {
        [&[1, 0, 1, 2][..], &[1; 32], &[2; 32], &[3; 32], &[1, 1, 0, 0]].concat()
    }

    fn refused(bytes: &[u8]) -> MessageError {
        Message::parse(bytes).err().unwrap()
    }

    /// The smallest message with one byte changed.
    fn changed(place: usize, value: u8) -> Vec<u8> {
        let mut bytes = smallest();
        bytes[place] = value;
        bytes
    }

    #[test]
    fn messages_that_the_runtime_would_drop_are_refused() {
        let malformed = MessageError::SolanaMessage;
        Message::parse(&smallest()).unwrap();
        assert_eq!(refused(&[]), malformed("empty"));
        assert_eq!(refused(&[smallest(), vec![0]].concat()), malformed("trailing bytes"));
        assert_eq!(refused(&smallest()[..103]), malformed("too short"));
        assert_eq!(refused(&[0x81, 0]), malformed("unknown version"));
        assert_eq!(refused(b"\xffsharekeep/raw/v1\n"), malformed("unknown version"));
        assert_eq!(refused(&changed(0, 0)), malformed("no signer that pays the fee"));
        assert_eq!(refused(&changed(1, 1)), malformed("no signer that pays the fee"));
        let crowded = malformed("header names more accounts than there are");
        assert_eq!(refused(&changed(0, 3)), crowded);
        assert_eq!(refused(&changed(2, 2)), crowded);
        let twice = [&[1, 0, 1, 2][..], &[1; 32], &[1; 32], &[3; 32], &[1, 1, 0, 0]].concat();
        assert_eq!(refused(&twice), malformed("an account is named twice"));
        for program in [0, 2] {
            assert_eq!(refused(&changed(101, program)), malformed("a program that is not there"));
        }
        let account = [&smallest()[..102], &[1, 2, 0]].concat();
        assert_eq!(refused(&account), malformed("an account that is not there"));
        let long = [&smallest()[..103], &[0x88, 0x09], &[0; 1160]].concat();
        assert!(matches!(refused(&long), MessageError::TooLarge { .. }));
    }

    #[test]
    fn looked_up_accounts_are_numbered_after_the_static_ones_writable_first() {
        let lookup = |table: u8, writable: &[u8], readonly: &[u8]| {
            let (writable_len, readonly_len) = (writable.len() as u8, readonly.len() as u8);
            [&[table; 32][..], &[writable_len], writable, &[readonly_len], readonly].concat()
        };
        let bytes =
            [&[0x80][..], &smallest(), &[2], &lookup(8, &[10], &[11]), &lookup(9, &[12], &[])]
                .concat();
        let message = Message::parse(&bytes).unwrap();
        let found: Vec<_> = (2..6)
            .map(|index| match message.account(index) {
                Some(Account::LookedUp { table, entry, writable }) => {
                    Some((table[0], entry, writable))
                }
                _ => None,
            })
            .collect();
        assert_eq!(found, [Some((8, 10, true)), Some((9, 12, true)), Some((8, 11, false)), None]);
        let empty = [&[0x80][..], &smallest(), &[1], &lookup(8, &[], &[])].concat();
        assert_eq!(refused(&empty), MessageError::SolanaMessage("an empty table lookup"));
    }
}
