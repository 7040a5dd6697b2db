use std::io;
use std::ops::Deref;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use sharekeep_testkit::SoftNsm;
use vhost::vhost_user::Listener;
use vhost::vhost_user::message::{VhostUserProtocolFeatures, VhostUserVirtioFeatures};
use vhost_user_backend::{VhostUserBackendMut, VhostUserDaemon, VringMutex, VringT};
use virtio_bindings::virtio_config::VIRTIO_F_VERSION_1;
use virtio_queue::{DescriptorChain, QueueOwnedT};
use vm_memory::{Bytes, GuestAddress, GuestAddressSpace, GuestMemory};
use vm_memory::{GuestMemoryAtomic, GuestMemoryMmap, Permissions};
use vmm_sys_util::epoll::EventSet;
use vmm_sys_util::event::{
    EventConsumer, EventFlag, EventNotifier, new_event_consumer_and_notifier,
};

use super::answer::{MAX_REQUEST_BYTES, answer, buffer_too_small};
use crate::Error;

/// Entries of the one queue.
const QUEUE_ENTRIES: u16 = 64;

/// The number of the device's kind in virtio's list.
const VIRTIO_ID: u16 = 33;

/// Longest answer that is written: what the guest's driver leaves room for.
const MAX_ANSWER_BYTES: usize = 0x3000;

/// Puts the module at a socket that QEMU is to connect to. A thread of its own serves it until QEMU has
/// gone, or until `socket` is connected to and left without a word.
pub(crate) fn attach(nsm: SoftNsm, socket: &Path) -> Result<(), Error> {
    let listener = UnixListener::bind(socket).map_err(Error::file(socket))?;
    let device = Device { nsm, memory: None, request: None };
    let memory = GuestMemoryAtomic::new(GuestMemoryMmap::new());
    let name = "security-module".to_owned();
    let mut daemon = VhostUserDaemon::new(name.clone(), Arc::new(Mutex::new(device)), memory)
        .map_err(|error| Error::Device(error.to_string()))?;
    let serve = move || {
        if daemon.start(&mut Listener::from(listener)).is_ok() {
            // Whatever it is, QEMU says what it lost.
            daemon.wait().ok();
        }
    };
    thread::Builder::new().name(name).spawn(serve).map_err(Error::file(socket))?;
    Ok(())
}

/// What QEMU is told of the device at the other end of a `-chardev`.
pub(crate) fn device_argument(chardev: &str) -> String {
    format!(
        "vhost-user-test-device,chardev={chardev},virtio-id={VIRTIO_ID},num_vqs=1,\
         vq_size={QUEUE_ENTRIES}"
    )
}

struct Device {
    nsm: SoftNsm,
    memory: Option<GuestMemoryAtomic<GuestMemoryMmap>>,
    /// The driver puts a request and the room for its answer into the queue one after the other. Only
    /// one can wait: a guest that sends another takes the first back.
    request: Option<Waiting>,
}

struct Waiting {
    head: u16,
    request: Vec<u8>,
}

/// A chain of the queue, read within bounds.
struct Chain {
    head: u16,
    request: Vec<u8>,
    room: Vec<(GuestAddress, usize)>,
}

impl Chain {
    /// Copies what the guest wrote, at most one byte more than a request may have, so that a longer
    /// one is seen to be too long. `None` if it points outside of the guest's memory.
    fn read<M>(chain: DescriptorChain<M>, memory: &GuestMemoryMmap) -> Option<Self>
    where
        M: Deref<Target: GuestMemory> + Clone,
    {
        let mut read = Self { head: chain.head_index(), request: Vec::new(), room: Vec::new() };
        let mut left = MAX_ANSWER_BYTES;
        for part in chain {
            let length = part.len() as usize;
            if part.is_write_only() {
                let length = length.min(left);
                left -= length;
                // Before work is done for an answer that has no place.
                if !GuestMemory::check_range(memory, part.addr(), length, Permissions::Write) {
                    return None;
                }
                read.room.push((part.addr(), length));
            } else {
                let start = read.request.len();
                let length = length.min(MAX_REQUEST_BYTES + 1 - start);
                read.request.resize(start + length, 0);
                memory.read_slice(&mut read.request[start..], part.addr()).ok()?;
            }
        }
        Some(read)
    }
}

impl Device {
    /// Answers all that is in the queue. A chain that makes no sense is given back empty.
    fn work(&mut self, queue: &VringMutex) -> io::Result<()> {
        let Some(memory) = self.memory.clone() else { return Ok(()) };
        let chains: Vec<_> = {
            let mut state = queue.get_mut();
            let chains = state.get_queue_mut().iter(memory.memory()).map_err(io::Error::other)?;
            // No more than the queue has: a guest could add while they are counted.
            chains.take(usize::from(QUEUE_ENTRIES)).collect()
        };
        for chain in chains {
            let head = chain.head_index();
            for (head, written) in match Chain::read(chain, &memory.memory()) {
                Some(chain) => self.step(chain, &memory.memory()),
                None => vec![(head, 0)],
            } {
                queue.add_used(head, written).map_err(io::Error::other)?;
            }
        }
        queue.signal_used_queue()
    }

    /// What one chain ends: heads to give back, with the bytes written to each.
    fn step(&mut self, chain: Chain, memory: &GuestMemoryMmap) -> Vec<(u16, u32)> {
        let mut done = Vec::new();
        if !chain.request.is_empty() {
            let waiting = Waiting { head: chain.head, request: chain.request };
            done.extend(self.request.replace(waiting).map(|earlier| (earlier.head, 0)));
        }
        if chain.room.is_empty() {
            // Neither request nor room.
            if self.request.as_ref().is_none_or(|waiting| waiting.head != chain.head) {
                done.push((chain.head, 0));
            }
            return done;
        }
        let written = match self.request.take() {
            Some(Waiting { head, request }) => {
                if head != chain.head {
                    done.push((head, 0));
                }
                write(&fitting(answer(&self.nsm, &request), &chain.room), &chain.room, memory)
            }
            None => 0,
        };
        done.push((chain.head, written));
        done
    }
}

/// The answer, or that it does not fit.
fn fitting(answer: Vec<u8>, room: &[(GuestAddress, usize)]) -> Vec<u8> {
    let space: usize = room.iter().map(|(_, length)| length).sum();
    if answer.len() <= space { answer } else { buffer_too_small() }
}

/// Writes as much as there is room for, and says how much.
fn write(bytes: &[u8], room: &[(GuestAddress, usize)], memory: &GuestMemoryMmap) -> u32 {
    let mut rest = bytes;
    for (address, length) in room {
        let (part, behind) = rest.split_at(rest.len().min(*length));
        if memory.write_slice(part, *address).is_err() {
            break;
        }
        rest = behind;
    }
    (bytes.len() - rest.len()) as u32
}

impl VhostUserBackendMut for Device {
    type Bitmap = ();
    type Vring = VringMutex;

    fn num_queues(&self) -> usize {
        1
    }

    fn max_queue_size(&self) -> usize {
        usize::from(QUEUE_ENTRIES)
    }

    fn features(&self) -> u64 {
        1 << VIRTIO_F_VERSION_1 | VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits()
    }

    fn protocol_features(&self) -> VhostUserProtocolFeatures {
        VhostUserProtocolFeatures::MQ
    }

    /// Not offered, so not on.
    fn set_event_idx(&mut self, _enabled: bool) {}

    fn update_memory(&mut self, memory: GuestMemoryAtomic<GuestMemoryMmap>) -> io::Result<()> {
        self.memory = Some(memory);
        Ok(())
    }

    /// Without it the thread of the queue would outlive the machine.
    fn exit_event(&self, _thread: usize) -> Option<(EventConsumer, EventNotifier)> {
        new_event_consumer_and_notifier(EventFlag::NONBLOCK | EventFlag::CLOEXEC).ok()
    }

    fn handle_event(
        &mut self,
        _event: u16,
        _set: EventSet,
        queues: &[VringMutex],
        _thread: usize,
    ) -> io::Result<()> {
        match queues.first() {
            // A queue that makes no sense is not answered; ending this thread would help nobody.
            Some(queue) => self.work(queue).or(Ok(())),
            None => Ok(()),
        }
    }
}
