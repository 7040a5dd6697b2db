//! Backups stored and fetched through the whole stack, beside the bare calls of the store.

use anyhow::{Context, Result};
use sharekeep_schemas::enclave::RecordKey;
use sharekeep_steps::DurableStep;

use crate::bare_store::BareStore;
use crate::row::Cost;
use crate::through_stack::{Bench, newest};
use crate::timed::TimedRow;
use crate::user::Device;

/// Measures with a device's newest wallet. To put a backup is to store it, to read it back and to
/// note it in the device's files; to get one is to read it and compare.
pub(crate) fn measure(
    bench: &Bench,
    device: &Device,
    kind: &str,
    times: u32,
) -> Result<Vec<TimedRow>> {
    let user = device.user(bench.crowd());
    let mut wallet = newest(device)?;
    let record = RecordKey::Backup { user: device.session.user, wallet: wallet.id };
    let bare = bench.wait(BareStore::beside(bench.fact("store")?, &record))?;
    let listed = bench.wait(bench.crowd().client().list_backups(&device.session))?;
    let listed = listed.iter().find(|backup| backup.wallet_id == wallet.id);
    let size = listed.context("the wallet has no backup")?.size;

    let (put, puts) = bench.measure(times, |_| Ok(bench.wait(user.put_backup(&mut wallet))?))?;
    let (get, gets) = bench.measure(times, |_| {
        bench.wait(user.verify_backup(&wallet, None))?;
        Ok(())
    })?;
    let (bare_put, bare_puts) = bench.measure(times, |_| bench.wait(bare.put()))?;
    let (bare_get, bare_gets) = bench.measure(times, |_| bench.wait(bare.get()))?;
    let (_, files) = bench
        .measure(times, |_| Ok(device.home.store_wallet(&wallet, DurableStep::BackupMarked)?))?;
    let put = TimedRow::new(&format!("backup/put{kind}"), &put, &puts)
        .beside(&put, &only_store(bare_put), &bare_puts)
        .with_files(&files);
    let get = TimedRow::new(&format!("backup/get{kind}"), &get, &gets).beside(
        &get,
        &only_store(bare_get),
        &bare_gets,
    );
    Ok([put, get].map(|row| row.of_size(size)).into())
}

/// The caller is all there is besides the store: what functions and enclave spend meanwhile is
/// their own affair.
fn only_store(bare: Cost) -> Cost {
    Cost { server_cpu: Default::default(), functions_cpu: Default::default(), ..bare }
}
