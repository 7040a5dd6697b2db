use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// For tasks to end once they were told to.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Tasks that live as long as the part of the stack they belong to. Dropping the last clone does
/// not stop them; [`Background::cancel`] does.
#[derive(Clone, Default)]
pub(crate) struct Background {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Background {
    /// Runs a task until it ends or is told to stop; then it is dropped where it waits.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled_owned(task).await;
        });
    }

    /// Runs a task that is told to stop and then ends by itself.
    pub(crate) fn spawn_orderly<F: Future<Output = ()> + Send + 'static>(
        &self,
        task: impl FnOnce(CancellationToken) -> F,
    ) {
        self.tasks.spawn(task(self.stop.clone()));
    }

    /// Tells all tasks to stop.
    pub(crate) fn cancel(&self) {
        self.stop.cancel();
    }

    /// Tells all tasks to stop and waits, so that their sockets can be bound again.
    pub(crate) async fn stop(&self) {
        self.cancel();
        self.tasks.close();
        if tokio::time::timeout(STOP_PATIENCE, self.tasks.wait()).await.is_err() {
            tracing::warn!("a task of the stack does not stop");
        }
    }
}
