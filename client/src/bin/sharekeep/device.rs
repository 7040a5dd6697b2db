use crate::arguments::{Common, DeviceCommand};
use crate::context::{Context, now_unix_s};
use crate::output::{Report, printable, table};
use crate::prompt::confirm;
use serde_json::json;
use sharekeep::{Error, Result};
use sharekeep_schemas::DeviceId;

pub(crate) async fn run(common: &Common, command: &DeviceCommand) -> Result<Report> {
    let context = Context::open(common)?;
    match command {
        DeviceCommand::List => {
            context
                .signed_in(async |_, work| {
                    let mut devices = work.context.client.list_devices(work.session).await?;
                    let mut rows =
                        vec![["DEVICE", "NAME", "REGISTERED", ""].map(str::to_owned).to_vec()];
                    for device in &mut devices {
                        device.name = device.name.as_deref().map(printable);
                        let note = match (device.revoked_at_unix_s, device.current) {
                            (Some(_), _) => "revoked",
                            (None, true) => "this one",
                            (None, false) => "",
                        };
                        rows.push(vec![
                            device.device_id.to_string(),
                            device.name.clone().unwrap_or_default(),
                            ago(device.registered_at_unix_s),
                            note.to_owned(),
                        ]);
                    }
                    Ok(Report::new(table(&rows), json!({ "devices": devices })))
                })
                .await
        }
        DeviceCommand::Name { id, name } => {
            let id = match id.as_str() {
                "this" => context.home.device().id(),
                id => id.parse().map_err(|_| Error::Usage(format!("{id:?} is no device's id")))?,
            };
            context
                .signed_in(async |user, _| {
                    user.name_device(id, name).await?;
                    let text = format!("{id} is called {name}.");
                    Ok(Report::new(text, json!({ "device": id, "name": name })))
                })
                .await
        }
        DeviceCommand::Revoke { id, yes } => revoke(&context, *id, *yes).await,
    }
}

async fn revoke(context: &Context, id: DeviceId, yes: bool) -> Result<Report> {
    confirm(&format!("Revoke {id}? It can't sign in any more."), yes)?;
    context
        .signed_in(async |user, _| {
            user.revoke_device(id).await?;
            Ok(Report::new(format!("{id} is revoked."), json!({ "device": id, "revoked": true })))
        })
        .await
}

pub(crate) async fn events(common: &Common) -> Result<Report> {
    Context::open(common)?
        .signed_in(async |_, work| {
            let events = work.context.client.list_events(work.session).await?;
            let mut rows = vec![["WHEN", "WHAT", "DEVICE"].map(str::to_owned).to_vec()];
            rows.extend(events.iter().map(|event| {
                vec![ago(event.at_unix_s), event.kind.to_string(), event.device_id.to_string()]
            }));
            Ok(Report::new(table(&rows), json!({ "events": events })))
        })
        .await
}

/// A time in the past, roughly.
fn ago(at_unix_s: u64) -> String {
    let seconds = now_unix_s().saturating_sub(at_unix_s);
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_a_unit_that_fits() {
        let now = now_unix_s();
        assert_eq!(ago(now - 3 * 86_400), "3 days ago");
        assert_eq!(ago(now - 3 * 3_600), "3 h ago");
        assert_eq!(ago(now + 100), "0 s ago");
    }
}
