use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{recv, sendto, socket_with};

// The kernel's `include/uapi/linux/netlink.h`, `rtnetlink.h` and `if.h`.
const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const IFF_UP: u32 = 1;
/// The loopback device is the first one of every network namespace.
const LOOPBACK_INDEX: u32 = 1;
/// `struct nlmsghdr` and `struct ifinfomsg`.
const MESSAGE_BYTES: usize = 16 + 16;
/// `struct nlmsghdr` and the error number after it.
const ACKNOWLEDGED_BYTES: usize = 16 + 4;

/// Brings the loopback device up, so that the guest is one in which libraries find what they expect. No
/// other device can be in it.
pub(super) fn up() -> Result<(), Errno> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // The first protocol, rtnetlink, has the number 0.
        None,
    )?;
    sendto(&socket, &message(), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 64];
    let (_, length) = recv(&socket, &mut answer, RecvFlags::empty())?;
    acknowledged(answer.get(..length).unwrap_or_default())
}

/// "The device of this index is up", with an answer asked for.
fn message() -> [u8; MESSAGE_BYTES] {
    let mut message = [0; MESSAGE_BYTES];
    message[0..4].copy_from_slice(&32u32.to_ne_bytes());
    message[4..6].copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
    message[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    // Sequence number and sender stay zero, as do the family and the type of the device.
    message[20..24].copy_from_slice(&LOOPBACK_INDEX.to_ne_bytes());
    message[24..28].copy_from_slice(&IFF_UP.to_ne_bytes());
    // Which flags are meant.
    message[28..32].copy_from_slice(&IFF_UP.to_ne_bytes());
    message
}

/// An answer is an error message; number zero means that there was none.
fn acknowledged(answer: &[u8]) -> Result<(), Errno> {
    let answer = answer.get(..ACKNOWLEDGED_BYTES).ok_or(Errno::BADMSG)?;
    if answer[4..6] != NLMSG_ERROR.to_ne_bytes() {
        return Err(Errno::BADMSG);
    }
    let number = i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]);
    if number == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(number.saturating_neg())) }
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    /// `struct nlmsghdr` and `struct ifinfomsg` of Linux 6.12, written out by hand.
    #[test]
    fn the_message_is_the_one_that_the_kernel_defines() {
        #[rustfmt::skip]
        let expected = [
            32, 0, 0, 0, 16, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,
        ];
        assert_eq!(message(), expected);
    }

    #[test]
    fn only_an_answer_without_an_error_is_taken_for_one() {
        let mut answer = [0; 36];
        answer[4] = 2;
        assert_eq!(acknowledged(&answer), Ok(()));
        assert_eq!(acknowledged(&answer[..19]), Err(Errno::BADMSG));
        assert_eq!(acknowledged(&[]), Err(Errno::BADMSG));
        answer[16..20].copy_from_slice(&(-1i32).to_ne_bytes());
        assert_eq!(acknowledged(&answer), Err(Errno::PERM));
        answer[4] = 3;
        assert_eq!(acknowledged(&answer), Err(Errno::BADMSG));
    }
}
