use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use tokio::sync::oneshot;

type Task = Box<dyn FnOnce() + Send>;

/// Every worker is busy and the queue is full: the caller sheds load instead of waiting long.
#[derive(Debug, PartialEq, Eq)]
pub struct PoolFull;

/// A fixed number of threads with a bounded queue. Threads end when the pool is dropped.
pub struct WorkPool {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Steps that wait or run.
    load: AtomicUsize,
}

struct Queue {
    waiting: VecDeque<Task>,
    capacity: usize,
    closed: bool,
}

impl WorkPool {
    /// Starts the threads.
    pub fn start(workers: usize, capacity: usize) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { waiting: VecDeque::new(), capacity, closed: false }),
            wake: Condvar::new(),
            load: AtomicUsize::new(0),
        });
        for number in 0..workers.max(1) {
            let shared = shared.clone();
            let name = format!("step-{number}");
            // Without this thread the others do its work.
            if thread::Builder::new().name(name).spawn(move || shared.work()).is_err() {
                tracing::warn!("a worker thread could not be started");
            }
        }
        Self { shared }
    }

    /// Whether there is room for one more; another caller may take it first.
    pub fn has_room(&self) -> bool {
        let queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.waiting.len() < queue.capacity
    }

    /// Runs a task; the receiver gets its result. On [`PoolFull`] the task was dropped unrun.
    ///
    /// # Errors
    /// [`PoolFull`].
    pub fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, PoolFull> {
        let (sender, receiver) = oneshot::channel();
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.waiting.len() >= queue.capacity {
            return Err(PoolFull);
        }
        self.shared.load.fetch_add(1, Ordering::Relaxed);
        queue.waiting.push_back(Box::new(move || {
            // Nobody may be waiting any more; the work counts all the same.
            let _ = sender.send(task());
        }));
        drop(queue);
        self.shared.wake.notify_one();
        Ok(receiver)
    }

    /// Steps that wait for a worker.
    pub fn queued(&self) -> usize {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).waiting.len()
    }

    /// Tells whether nothing waits or runs, for work that may wait.
    pub fn idleness(&self) -> impl Fn() -> bool + Send + 'static {
        let shared = self.shared.clone();
        move || shared.load.load(Ordering::Relaxed) == 0
    }
}

impl Drop for WorkPool {
    fn drop(&mut self) {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn work(&self) {
        loop {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let task = loop {
                if let Some(task) = queue.waiting.pop_front() {
                    break task;
                }
                if queue.closed {
                    return;
                }
                queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
            };
            drop(queue);
            // A task that panics takes its result with it, not the worker.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(task));
            self.load.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_recovers() {
        let pool = WorkPool::start(1, 1);
        let (release, wait) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel::<()>();
        let first = pool
            .run(move || {
                begun.send(()).unwrap();
                wait.recv().unwrap();
                1
            })
            .unwrap();
        has_begun.recv().unwrap();
        let second = pool.run(|| 2).unwrap();
        assert_eq!(pool.run(|| 3).unwrap_err(), PoolFull);
        assert!(!pool.idleness()());
        release.send(()).unwrap();
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (1, 2));
    }

    #[tokio::test]
    async fn a_panicking_task_does_not_take_the_worker_along() {
        let pool = WorkPool::start(1, 4);
        assert!(pool.run(|| -> u8 { panic!("as a test") }).unwrap().await.is_err());
        assert_eq!(pool.run(|| 5).unwrap().await.unwrap(), 5);
    }
}
