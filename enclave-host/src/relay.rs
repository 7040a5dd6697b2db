//! Carries bytes both ways with fixed memory: a side that does not read is not read for.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::Instant;

/// What is held of each direction, in bytes. Also the longest write on vsock.
const BUFFER_BYTES: usize = sharekeep_vsock::MAX_WRITE_BYTES;
/// How long a direction may rest once the other one ended. Some transports cannot tell a peer that
/// has only finished speaking from one that is gone, and ours all frame by length.
const GRACE: Duration = Duration::from_secs(2);

/// Carries until both directions ended, or nothing moved for `idle`.
///
/// # Errors
/// What either side says; [`io::ErrorKind::TimedOut`].
pub(crate) async fn relay<A, B>(a: A, b: B, idle: Duration) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite + Send,
    B: AsyncRead + AsyncWrite + Send,
{
    let activity = Activity::new();
    let ((a_in, a_out), (b_in, b_out)) = (split(a), split(b));
    let mut forth = pin!(pump(a_in, b_out, &activity));
    let mut back = pin!(pump(b_in, a_out, &activity));
    let rest: Pin<&mut (dyn Future<Output = io::Result<()>> + Send)> = tokio::select! {
        ended = &mut forth => { ended?; back }
        ended = &mut back => { ended?; forth }
        () = activity.rested_for(idle) => return Err(io::ErrorKind::TimedOut.into()),
    };
    tokio::select! {
        ended = rest => ended,
        () = activity.rested_for(GRACE.min(idle)) => Ok(()),
    }
}

async fn pump<F, T>(
    mut from: ReadHalf<F>,
    mut to: WriteHalf<T>,
    activity: &Activity,
) -> io::Result<()>
where
    F: AsyncRead,
    T: AsyncWrite,
{
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = from.read(&mut buffer).await?;
        activity.now();
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
        to.flush().await?;
        activity.now();
    }
}

/// When something last moved.
struct Activity {
    start: Instant,
    last_ms: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self { start: Instant::now(), last_ms: AtomicU64::new(0) }
    }

    fn now(&self) {
        let passed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(passed, Ordering::Relaxed);
    }

    async fn rested_for(&self, limit: Duration) {
        loop {
            let last = self.start + Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            if last.elapsed() >= limit {
                return;
            }
            tokio::time::sleep_until(last + limit).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_stops_the_writer_instead_of_filling_memory() {
        let (mut writer, a) = duplex(1_000);
        let (b, _reader) = duplex(1_000);
        let carried = tokio::spawn(relay(a, b, LONG));
        let mut written = 0;
        while let Ok(Ok(more)) =
            tokio::time::timeout(Duration::from_secs(1), writer.write(&[7; 1_000])).await
        {
            written += more;
        }
        // The two pipes and one buffer, of an endless stream.
        assert!((2_000..=2_000 + BUFFER_BYTES).contains(&written), "{written}");
        assert!(!carried.is_finished());
        // And whoever holds a connection like that loses it.
        let ended = carried.await.unwrap();
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_nothing_moves_ends() {
        let ((_left, a), (b, _right)) = (duplex(10), duplex(10));
        let begun = Instant::now();
        assert!(relay(a, b, LONG).await.is_err());
        assert_eq!(begun.elapsed(), LONG);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_move_keep_a_connection_open() {
        let ((mut left, a), (b, mut right)) = (duplex(10), duplex(10));
        let carried = tokio::spawn(relay(a, b, LONG));
        for _ in 0..5 {
            tokio::time::sleep(LONG - Duration::from_secs(1)).await;
            left.write_all(b"x").await.unwrap();
            assert_eq!(right.read_u8().await.unwrap(), b'x');
        }
        assert!(!carried.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_gets_through_after_the_question_ended() {
        let ((mut left, a), (b, mut right)) = (duplex(10), duplex(10));
        let carried = tokio::spawn(relay(a, b, LONG));
        left.write_all(b"why").await.unwrap();
        left.shutdown().await.unwrap();
        let mut question = String::new();
        right.read_to_string(&mut question).await.unwrap();
        right.write_all(b"because").await.unwrap();
        drop(right);
        let mut answer = String::new();
        left.read_to_string(&mut answer).await.unwrap();
        assert_eq!((question.as_str(), answer.as_str()), ("why", "because"));
        carried.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_left_frees_the_connection_soon() {
        let ((left, a), (b, _right)) = (duplex(10), duplex(10));
        let begun = Instant::now();
        drop(left);
        relay(a, b, LONG).await.unwrap();
        assert_eq!(begun.elapsed(), GRACE);
    }
}
