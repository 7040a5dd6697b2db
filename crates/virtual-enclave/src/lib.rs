//! The enclave's image, booted on a machine that has no Nitro.
//!
//! One job: run the very image that is shipped ([`Machine`]), with kernel, command line and ramdisks
//! taken out of it and nothing added, under QEMU in software emulation. What the hypervisor gives an
//! enclave comes from here: vsock (the program `vhost-device-vsock`), the answer to the heartbeat, and
//! the security module, as a vhost-user device that the guest reaches by the driver it has for Nitro's.
//! That device is [`sharekeep_testkit::SoftNsm`]; give it a leaf over
//! [`Image::measurements`](sharekeep_image::Image::measurements), and its documents tell the truth.
//!
//! For tests only. Nothing here protects the guest from its host: QEMU emulates memory that this
//! process can read. The guest is not trusted: what it writes into the device's queue is bounded
//! before it is looked at. Two things differ from Nitro, and neither is measured there or here: the
//! parent's context id is 2 instead of 3, and other words stand behind the image's command line than
//! Nitro's hypervisor puts there: QEMU's own about its devices (`virtio_mmio.device=…`), and two about
//! the clock, which this crate adds.
//!
//! ```no_run
//! use sharekeep_testkit::{NsmRoot, SoftNsm};
//! use sharekeep_virtual_enclave::{Machine, Settings, Tools};
//! # async fn run(image: sharekeep_image::Image) -> Result<(), Box<dyn std::error::Error>> {
//! let measured = image.measurements();
//! let pcrs = [measured.pcr0, measured.pcr1, measured.pcr2].map(|pcr| pcr.0);
//! let nsm = SoftNsm::new(NsmRoot::ephemeral()?.issue_leaf("i-0test-enc1", pcrs)?);
//! let settings = Settings {
//!     folder: "/tmp/guest".into(),
//!     memory_mib: Settings::MEMORY_MIB,
//!     parent: vec![(8000, "/tmp/egress.sock".into())],
//! };
//! let machine = Machine::start(&Tools::from_env()?, &image, nsm, settings).await?;
//! println!("reach the guest's port 5000 at unix:{}", machine.enclave().display());
//! # Ok(())
//! # }
//! ```

mod bridge;
mod clock;
mod error;
mod heartbeat;
mod machine;
mod nsm;
mod process;
mod tools;

pub use error::Error;
pub use machine::{Machine, Settings, Started};
pub use tools::Tools;
