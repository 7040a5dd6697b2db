use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use crate::Error;

/// What a ramdisk has under one name. Owners are root and times are zero, always.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A folder that all may read.
    Folder,
    /// A file that all may read and nobody may write.
    File(Vec<u8>),
    /// A file that all may read and run and nobody may write.
    Program(Vec<u8>),
    /// The kernel's console: the first program has no output unless this is there before `/dev` is.
    Console,
}

impl Entry {
    fn mode(&self) -> u32 {
        match self {
            Self::Folder => 0o040_755,
            Self::File(_) => 0o100_444,
            Self::Program(_) => 0o100_555,
            Self::Console => 0o020_600,
        }
    }

    fn content(&self) -> &[u8] {
        match self {
            Self::File(bytes) | Self::Program(bytes) => bytes,
            Self::Folder | Self::Console => &[],
        }
    }

    /// Major and minor number of a device.
    fn device(&self) -> (u32, u32) {
        if *self == Self::Console { (5, 1) } else { (0, 0) }
    }
}

/// A ramdisk: an archive in the "new ASCII" format of cpio, as the kernel's
/// `Documentation/driver-api/early-userspace/buffer-format.rst` has it.
///
/// Not compressed: a compressor's next release would make other bytes of the same files.
#[derive(Clone, PartialEq, Eq)]
pub struct Ramdisk {
    bytes: Vec<u8>,
}

/// The format says sizes in eight hexadecimal digits; no program of ours comes near this.
const MAX_FILE_BYTES: usize = 1 << 28;

/// Longest name; the kernel skips entries with longer ones without a word.
const MAX_PATH_BYTES: usize = 1024;

/// The kernel reads one ramdisk after the other out of the same memory, and wants each to begin at a
/// multiple of four bytes. Archives are padded to this by custom.
const BLOCK_BYTES: usize = 512;

impl Ramdisk {
    /// An archive of `entries` in the order of their names, with the folders that they are in.
    ///
    /// # Errors
    /// [`Error::Path`] for a name that is absolute, empty or has a part like `..`; [`Error::Twice`];
    /// [`Error::TooLarge`].
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a str, Entry)>) -> Result<Self, Error> {
        let mut sorted = BTreeMap::new();
        for (path, entry) in entries {
            check_path(path)?;
            if entry.content().len() > MAX_FILE_BYTES {
                return Err(Error::TooLarge("a file of a ramdisk"));
            }
            match sorted.entry(path.to_owned()) {
                Slot::Vacant(slot) => slot.insert(entry),
                Slot::Occupied(_) => return Err(Error::Twice(path.to_owned())),
            };
        }
        let folders: Vec<_> = sorted.keys().flat_map(|path| folders_of(path)).collect();
        for folder in folders {
            if *sorted.entry(folder.clone()).or_insert(Entry::Folder) != Entry::Folder {
                return Err(Error::Twice(folder));
            }
        }
        Ok(Self::encode(&sorted))
    }

    /// As it is in the image.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Out of an image. What is in it is not looked at: it is measured as it is.
    pub(crate) fn from_image(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec() }
    }

    // A folder's name is the beginning of its files' names, so it comes before them.
    fn encode(entries: &BTreeMap<String, Entry>) -> Self {
        let mut bytes = Vec::new();
        for (inode, (path, entry)) in (1..).zip(entries) {
            append(&mut bytes, inode, path, entry.mode(), entry.device(), entry.content());
        }
        append(&mut bytes, 0, "TRAILER!!!", 0, (0, 0), &[]);
        pad(&mut bytes, BLOCK_BYTES);
        Self { bytes }
    }
}

fn append(
    bytes: &mut Vec<u8>,
    inode: u32,
    path: &str,
    mode: u32,
    (major, minor): (u32, u32),
    content: &[u8],
) {
    let links = if mode & 0o170_000 == 0o040_000 { 2 } else { 1 };
    let [user, group, modified, disk_major, disk_minor, checksum] = [0; 6];
    let size = u32::try_from(content.len()).expect("no file is above MAX_FILE_BYTES");
    let name = u32::try_from(path.len() + 1).expect("no path is above MAX_PATH_BYTES");
    let fields = [
        inode, mode, user, group, links, modified, size, disk_major, disk_minor, major, minor,
        name, checksum,
    ];
    bytes.extend_from_slice(b"070701");
    for field in fields {
        bytes.extend_from_slice(format!("{field:08X}").as_bytes());
    }
    bytes.extend_from_slice(path.as_bytes());
    bytes.push(0);
    pad(bytes, 4);
    bytes.extend_from_slice(content);
    pad(bytes, 4);
}

fn pad(bytes: &mut Vec<u8>, multiple: usize) {
    bytes.resize(bytes.len().next_multiple_of(multiple), 0);
}

fn check_path(path: &str) -> Result<(), Error> {
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    // This name ends an archive: everything after it would be left out.
    let usable = path.len() < MAX_PATH_BYTES
        && path.split('/').all(plain)
        && path.bytes().all(|byte| byte.is_ascii_graphic())
        && path != "TRAILER!!!";
    if usable { Ok(()) } else { Err(Error::Path(path.to_owned())) }
}

fn folders_of(path: &str) -> impl Iterator<Item = String> + '_ {
    path.match_indices('/').map(|(end, _)| path[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(text: &str) -> Entry {
        Entry::File(text.as_bytes().to_vec())
    }

    #[test]
    fn names_that_lead_elsewhere_or_end_the_archive_are_refused() {
        for path in ["", "/init", "a/../b", "./a", "a//b", "a/", "..", "TRAILER!!!", "a b", "a\0b"]
        {
            let refused = Ramdisk::new([(path, Entry::Folder)]);
            assert!(matches!(refused, Err(Error::Path(_))), "{path:?}");
        }
        let long = "a".repeat(MAX_PATH_BYTES);
        assert!(matches!(Ramdisk::new([(long.as_str(), Entry::Folder)]), Err(Error::Path(_))));
    }

    #[test]
    fn a_name_twice_and_a_file_in_a_file_are_refused() {
        let twice = Ramdisk::new([("a", file("1")), ("a", file("2"))]);
        assert!(matches!(twice, Err(Error::Twice(_))));
        let inside = Ramdisk::new([("a", file("1")), ("a/b", file("2"))]);
        assert!(matches!(inside, Err(Error::Twice(_))));
    }

    #[test]
    fn folders_stand_before_what_is_in_them() {
        let with = Ramdisk::new([("a/b/c", file("1")), ("a", Entry::Folder)]).unwrap();
        let without = Ramdisk::new([("a/b/c", file("1"))]).unwrap();
        assert!(with == without);
        let text = String::from_utf8_lossy(with.bytes()).into_owned();
        let place = |name: &str| text.find(&format!("{name}\0")).unwrap();
        assert!(place("a") < place("a/b") && place("a/b") < place("a/b/c"));
    }

    proptest! {
        #[test]
        fn the_order_of_entries_changes_nothing(
            entries in proptest::collection::btree_map("[a-c]{1,3}", ".{0,9}", 1..6),
            turn in 0usize..6,
        ) {
            let list: Vec<_> = entries.iter().map(|(path, it)| (path.as_str(), file(it))).collect();
            let mut turned = list.clone();
            turned.rotate_left(turn % list.len());
            turned.reverse();
            let sorted = Ramdisk::new(list).unwrap();
            prop_assert!(sorted == Ramdisk::new(turned).unwrap());
            prop_assert_eq!(sorted.bytes().len() % BLOCK_BYTES, 0);
        }

        #[test]
        fn no_two_contents_make_one_archive(one in ".{0,20}", other in ".{0,20}") {
            let made = |text: &str| Ramdisk::new([("a", file(text))]).unwrap();
            prop_assert_eq!(made(&one) == made(&other), one == other);
        }
    }
}
