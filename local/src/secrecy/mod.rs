//! Looks for secrets where none may be: in files and in the memory of a process.
//!
//! Every secret is looked for in the forms a careless program would leave behind (see [`Form`]).
//! A search proves nothing unless it would have found something: plant a canary with
//! [`forms_of`] first, and check [`Report::forms_of`] against it.
//!
//! The searching process itself holds all needles in the clear; this is for development only.
//!
//! ```
//! use sharekeep_local::secrecy::{Needle, Needles, search_dir};
//! let dir = std::env::temp_dir().join(format!("secrecy-example-{}", std::process::id()));
//! std::fs::create_dir_all(&dir).unwrap();
//! std::fs::write(dir.join("careless.log"), "key=000102030405060708090a0b0c0d0e0f").unwrap();
//! let needles = Needles::new(vec![Needle::new("a key", (0..16).collect())]).unwrap();
//! assert_eq!(search_dir(&needles, &dir).unwrap().hits.len(), 1);
//! std::fs::remove_dir_all(&dir).unwrap();
//! ```

mod canary;
mod files;
mod forms;
mod memory;
mod needles;
mod report;

pub use canary::{CANARY, Canary};
pub use files::search_dir;
pub use forms::{Form, forms_of};
pub use memory::search_memory;
pub use needles::{MIN_NEEDLE_BYTES, Needle, Needles};
pub use report::{Hit, Place, Report};
