use crate::Error;
use sharekeep_vsock::{Address, dial};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Context ids at which the parent may be: 3 on Nitro, 2 where this image runs in a virtual machine of
/// another kind.
const PLACES: [u32; 2] = [3, 2];
/// The vsock port where the parent waits for a sign of life.
const PORT: u32 = 9000;
/// What is said there, and answered.
const HEARTBEAT: u8 = 0xb7;
/// Longest wait for the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How soon a place is asked again that refused, or to which the kernel found no way: it gives up after two
/// seconds.
const PAUSE: Duration = Duration::from_millis(100);

/// Tells the parent that the guest is up, and returns the context id of the one that answers. Whoever it
/// is carries ciphertext and is trusted with nothing, so that asking costs no security.
///
/// # Errors
/// [`Error::NoParent`] when nobody answers within ten seconds.
pub async fn find_parent() -> Result<u32, Error> {
    let places = PLACES.map(|cid| (cid, Address::Vsock { cid, port: PORT }));
    first_to_answer(places, PATIENCE).await
}

async fn first_to_answer<const N: usize>(
    places: [(u32, Address); N],
    patience: Duration,
) -> Result<u32, Error> {
    let mut asked = JoinSet::new();
    for (cid, address) in places {
        asked.spawn(async move {
            // A parent may come to listen after its guest is up.
            while greet(&address).await.is_err() {
                sleep(PAUSE).await;
            }
            cid
        });
    }
    match timeout(patience, asked.join_next()).await {
        Ok(Some(Ok(cid))) => Ok(cid),
        _ => Err(Error::NoParent),
    }
}

async fn greet(address: &Address) -> io::Result<()> {
    let mut stream = dial(address).await?;
    stream.write_all(&[HEARTBEAT]).await?;
    match stream.read_u8().await? {
        HEARTBEAT => Ok(()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sharekeep_vsock::Listener;

    /// A parent that answers with this byte, or never.
    fn parent(folder: &tempfile::TempDir, name: &str, answer: Option<u8>) -> Address {
        let address = Address::Unix(folder.path().join(name));
        let mut listener = Listener::bind(&address).unwrap();
        tokio::spawn(async move {
            let mut stream = listener.accept().await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), HEARTBEAT);
            match answer {
                Some(byte) => stream.write_all(&[byte]).await.unwrap(),
                None => std::future::pending().await,
            }
        });
        address
    }

    #[tokio::test]
    async fn the_place_that_answers_is_the_parent_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let nobody = || Address::Unix(folder.path().join("nobody"));
        for mute in [nobody(), parent(&folder, "mute", None), parent(&folder, "other", Some(1))] {
            let there = parent(&folder, "parent", Some(HEARTBEAT));
            let found = first_to_answer([(3, mute.clone()), (2, there)], PATIENCE).await;
            assert_eq!(found.unwrap(), 2);
            let there = parent(&folder, "parent", Some(HEARTBEAT));
            let found = first_to_answer([(3, there), (2, nobody())], PATIENCE).await;
            assert_eq!(found.unwrap(), 3);
        }
    }

    #[tokio::test]
    async fn a_parent_that_listens_later_than_the_guest_asks_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name| Address::Unix(folder.path().join(name));
        let asked = [(3, place("late")), (2, place("nobody"))];
        let search = tokio::spawn(first_to_answer(asked, PATIENCE));
        sleep(PAUSE * 2).await;
        assert!(!search.is_finished(), "a refusal is not the end");
        parent(&folder, "late", Some(HEARTBEAT));
        assert_eq!(search.await.unwrap().unwrap(), 3);
    }

    #[tokio::test]
    async fn a_guest_that_nobody_answers_does_not_wait_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let places =
            [(3, parent(&folder, "mute", None)), (2, Address::Unix(folder.path().join("nobody")))];
        let found = first_to_answer(places, Duration::from_millis(50)).await;
        assert!(matches!(found, Err(Error::NoParent)));
    }
}
