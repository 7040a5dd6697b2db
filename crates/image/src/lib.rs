//! The enclave's image, made so that anybody makes the same bytes.
//!
//! One job: put kernel, command line and ramdisks into an enclave image file ([`Image`]), compute what
//! the Nitro hypervisor will measure of it ([`Measurements`]), and write down what it was made of
//! ([`Manifest`]), so that a third party can look at an image and know. The same inputs give the same
//! bytes, whatever machine, folder or hour they meet in: names are sorted, times and owners are fixed,
//! nothing is compressed. The library is pure; the program `sharekeep-image` reads and writes files.
//!
//! Trusts its inputs when it builds. An image or a manifest to be verified is hostile: sizes are capped
//! before anything is parsed, and a layout that this crate would not have written is refused. A
//! manifest is not signed: whoever verifies against one must know where it comes from.
//!
//! ```
//! use sharekeep_image::{Entry, Image, Ramdisk};
//! let boot = Ramdisk::new([("dev", Entry::Folder)]).unwrap();
//! let app = Ramdisk::new([("init", Entry::Program(b"\x7fELF".to_vec()))]).unwrap();
//! let image = Image::new(b"kernel".to_vec(), "panic=1", [boot, app]).unwrap();
//! assert_eq!(Image::parse(&image.to_bytes()).unwrap().measurements(), image.measurements());
//! ```

mod eif;
mod enclave;
mod error;
mod foreign;
mod hash;
mod manifest;
mod measurements;
mod ramdisk;

pub use eif::{Image, MAX_IMAGE_BYTES};
pub use enclave::{COMMAND_LINE, Parts, enclave};
pub use error::Error;
pub use foreign::{FOREIGN, foreign};
pub use hash::{Digest, Hash, Pcr};
pub use manifest::{Compared, MAX_MANIFEST_BYTES, Manifest, Section};
pub use measurements::Measurements;
pub use ramdisk::{Entry, Ramdisk};
