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
                if length == 0 {
                    continue;
                }
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
        let memory = memory.memory();
        let chains: Vec<_> = {
            let mut state = queue.get_mut();
            let chains = state.get_queue_mut().iter(memory.clone()).map_err(io::Error::other)?;
            // No more than the queue has: the guest may add some while they are taken.
            chains.take(usize::from(QUEUE_ENTRIES)).collect()
        };
        for chain in chains {
            let head = chain.head_index();
            let done = match Chain::read(chain, &memory) {
                Some(chain) => self.step(chain, &memory),
                None => vec![(head, 0)],
            };
            for (head, written) in done {
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

#[cfg(test)]
mod tests {
    use super::*;
    use aws_nitro_enclaves_nsm_api::api::{ErrorCode, Request, Response};
    use sharekeep_testkit::NsmRoot;
    use virtio_bindings::virtio_ring::{VRING_DESC_F_NEXT, VRING_DESC_F_WRITE};
    use virtio_queue::desc::{RawDescriptor, split::Descriptor};
    use virtio_queue::mock::MockSplitQueue;

    const WRITE: u16 = VRING_DESC_F_WRITE as u16;
    const NEXT: u16 = VRING_DESC_F_NEXT as u16;
    /// Behind the rings, which are at the beginning.
    const REQUEST: u64 = 0x1_0000;
    const ROOM: u64 = 0x2_0000;
    const END: u64 = 0x10_0000;

    fn memory() -> GuestMemoryMmap {
        GuestMemoryMmap::from_ranges(&[(GuestAddress(0), END as usize)]).unwrap()
    }

    /// What the device did with chains of descriptors `(address, length, flags, next)`, the first
    /// of each being a head: heads given back with the bytes written.
    fn given_back(
        memory: &GuestMemoryMmap,
        descriptors: &[(u64, u32, u16, u16)],
        heads: &[u16],
    ) -> Vec<(u32, u32)> {
        let guest = MockSplitQueue::new(memory, QUEUE_ENTRIES);
        for (index, (address, length, flags, next)) in (0..).zip(descriptors) {
            let descriptor = Descriptor::new(*address, *length, *flags, *next);
            guest.desc_table().store(index, RawDescriptor::from(descriptor)).unwrap();
        }
        for (index, head) in heads.iter().enumerate() {
            guest.avail().ring().ref_at(index).unwrap().store(*head);
        }
        guest.avail().idx().store(heads.len() as u16);

        let shared = GuestMemoryAtomic::new(memory.clone());
        let queue = VringMutex::new(shared.clone(), QUEUE_ENTRIES).unwrap();
        queue.set_queue_size(QUEUE_ENTRIES);
        let rings = (guest.desc_table_addr(), guest.avail_addr(), guest.used_addr());
        queue.set_queue_info(rings.0.0, rings.1.0, rings.2.0).unwrap();
        queue.set_queue_ready(true);
        let leaf = NsmRoot::ephemeral().unwrap().issue_leaf("i-0test-enc1", [[1; 48]; 3]).unwrap();
        let mut device = Device { nsm: SoftNsm::new(leaf), memory: Some(shared), request: None };
        device.work(&queue).unwrap();

        let done = usize::from(guest.used().idx().load());
        (0..done)
            .map(|index| guest.used().ring().ref_at(index).unwrap().load())
            .map(|element| (element.id(), element.len()))
            .collect()
    }

    fn put(memory: &GuestMemoryMmap, request: &Request) -> u32 {
        let mut bytes = Vec::new();
        ciborium::into_writer(request, &mut bytes).unwrap();
        memory.write_slice(&bytes, GuestAddress(REQUEST)).unwrap();
        bytes.len() as u32
    }

    fn answered(memory: &GuestMemoryMmap, length: u32) -> Response {
        let mut bytes = vec![0; length as usize];
        memory.read_slice(&mut bytes, GuestAddress(ROOM)).unwrap();
        ciborium::from_reader(&bytes[..]).unwrap()
    }

    fn attestation() -> Request {
        Request::Attestation { user_data: None, nonce: None, public_key: None }
    }

    #[test]
    fn a_request_and_the_room_for_its_answer_come_as_the_driver_sends_them() {
        let memory = memory();
        let length = put(&memory, &attestation());
        let apart = [(REQUEST, length, 0, 0), (ROOM, 0x3000, WRITE, 0)];
        let done = given_back(&memory, &apart, &[0, 1]);
        assert!(matches!(done[..], [(0, 0), (1, 3000..)]), "{done:?}");
        assert!(matches!(answered(&memory, done[1].1), Response::Attestation { .. }));

        let in_pieces = [
            (REQUEST, 4, NEXT, 1),
            (REQUEST + 4, length - 4, NEXT, 2),
            (ROOM, 1000, NEXT | WRITE, 3),
            (ROOM + 1000, 0x2000, WRITE, 0),
        ];
        let done = given_back(&memory, &in_pieces, &[0]);
        assert!(matches!(done[..], [(0, 3000..)]), "{done:?}");
        assert!(matches!(answered(&memory, done[0].1), Response::Attestation { .. }));
    }

    #[test]
    fn a_chain_that_leaves_the_guest_s_memory_is_given_back_and_the_next_is_answered() {
        let memory = memory();
        let length = put(&memory, &Request::GetRandom);
        let last = END - 1;
        for outside in [(last, 2, 0), (u64::MAX, 2, 0), (last, 2, WRITE), (u64::MAX, 2, WRITE)] {
            let (address, size, flags) = outside;
            let chains =
                [(address, size, flags, 0), (REQUEST, length, NEXT, 2), (ROOM, 0x3000, WRITE, 0)];
            let done = given_back(&memory, &chains, &[0, 1]);
            assert!(matches!(done[..], [(0, 0), (1, 256..)]), "{outside:x?} {done:?}");
        }
    }

    #[test]
    fn requests_of_gigabytes_and_chains_without_an_end_are_read_up_to_the_longest_request() {
        let memory = memory();
        let mut huge: Vec<_> = (1..63).map(|next| (REQUEST, 0xf_0000, NEXT, next)).collect();
        huge.push((ROOM, 0x3000, WRITE, 0));
        let [(0, written)] = given_back(&memory, &huge, &[0])[..] else { panic!("one answer") };
        let answer = answered(&memory, written);
        assert!(matches!(answer, Response::Error(ErrorCode::InputTooLarge)));

        let endless = [(REQUEST, 0x1000, NEXT, 0)];
        let waits = given_back(&memory, &endless, &[0]);
        assert_eq!(waits, []);
    }

    #[test]
    fn nothing_is_written_past_the_room_there_is() {
        let memory = memory();
        let length = put(&memory, &attestation());
        for room in [1, 20, 100] {
            memory.write_slice(&[0xee; 200], GuestAddress(ROOM)).unwrap();
            let chain = [(REQUEST, length, NEXT, 1), (ROOM, room, WRITE, 0)];
            let [(0, written)] = given_back(&memory, &chain, &[0])[..] else { panic!("no answer") };
            assert!(written <= room);
            let mut after = [0; 100];
            memory.read_slice(&mut after, GuestAddress(ROOM + u64::from(room))).unwrap();
            assert_eq!(after, [0xee; 100]);
            if room > 20 {
                let answer = answered(&memory, written);
                assert!(matches!(answer, Response::Error(ErrorCode::BufferTooSmall)));
            }
        }
    }

    #[test]
    fn one_request_waits_for_room_and_a_second_takes_its_place() {
        let memory = memory();
        let length = put(&memory, &Request::GetRandom);
        let request = (REQUEST, length, 0, 0);
        let chains = [request, request, (ROOM, 0x3000, WRITE, 0), (ROOM, 0x3000, WRITE, 0)];
        let done = given_back(&memory, &chains, &[0, 1, 2, 3]);
        assert!(matches!(done[..], [(0, 0), (1, 0), (2, 256..), (3, 0)]), "{done:?}");
    }
}
