use std::{future::Future, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How everything ends: nothing new is accepted, what runs may finish for a while, the rest is cut.
/// Clones share it.
#[derive(Clone, Default)]
pub struct Drain {
    stop: CancellationToken,
    cut: CancellationToken,
    connections: TaskTracker,
}

impl Drain {
    /// Stops accepting and waits for running connections; those that last longer than `patience`
    /// are cut. True if none had to be.
    pub async fn finish(&self, patience: Duration) -> bool {
        self.stop.cancel();
        self.connections.close();
        let ended = tokio::time::timeout(patience, self.connections.wait()).await.is_ok();
        self.cut.cancel();
        self.connections.wait().await;
        ended
    }

    /// Resolves when nothing new may be accepted.
    pub(crate) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Runs a connection.
    pub(crate) fn carry(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let cut = self.cut.clone();
        self.connections.spawn(async move {
            cut.run_until_cancelled_owned(connection).await;
        });
    }
}
