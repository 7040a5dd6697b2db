use super::world::{NOW, tenant};
use super::{Client, World};
use sharekeep_schemas::ProblemCode::*;
use sharekeep_schemas::enclave::{RecordKey, Row};
use sharekeep_schemas::sealed::{Plain, SessionRenewed};
use sharekeep_schemas::{DataKeyNumber, Scope, codec};

fn scene() -> (World, Client, String) {
    let (world, client) = (World::new(), Client::new("shop", "alice"));
    client.login(&world);
    let path = format!("/v1/sessions/{}/renew", client.id());
    (world, client, path)
}

#[test]
fn an_edited_session_is_refused() {
    let (world, client, path) = scene();
    world.edit(&RecordKey::Session(client.id()));
    world.refuses(&client.request(&world, &path, &Plain::default()), RecordRefused);
}

#[test]
fn garbage_in_place_of_a_record_is_refused() {
    let (world, client, path) = scene();
    for bytes in [vec![], vec![0xff; 3], vec![0; 50_000]] {
        world.put(RecordKey::Session(client.id()), bytes);
        world.refuses(&client.request(&world, &path, &Plain::default()), RecordRefused);
    }
}

#[test]
fn another_session_in_place_of_ones_own_is_refused() {
    let (world, client, path) = scene();
    let other = client.again();
    other.login(&world);
    let bytes = world.store.borrow()[&RecordKey::Session(other.id())].bytes.clone();
    world.put(RecordKey::Session(client.id()), bytes.into_vec());
    world.refuses(&client.request(&world, &path, &Plain::default()), RecordRefused);
}

#[test]
fn edited_and_inserted_plain_columns_change_nothing() {
    let (world, client, path) = scene();
    let key = RecordKey::Session(client.id());
    {
        let mut store = world.store.borrow_mut();
        let put = store.get_mut(&key).unwrap();
        let Row::Session(row) = &mut put.row else { panic!() };
        row.tenant = tenant("bank");
        row.scopes = vec![Scope::Read];
        row.expires_at_unix_s = NOW + 10_000_000;
        put.expires_at_unix_s = Some(NOW + 10_000_000);
    }
    let renewed: SessionRenewed = client.plain(&world, &path).unwrap();
    assert_eq!(renewed.expires_at_unix_s, NOW + 900);
    // The copy is written anew from what is sealed.
    let store = world.store.borrow();
    let Row::Session(row) = &store[&key].row else { panic!() };
    assert_eq!(row.tenant, tenant("shop"));
}

#[test]
fn the_hints_before_a_session_are_not_believed() {
    let (world, client, path) = scene();
    let victim = Client::new("bank", "alice");
    victim.login(&world);
    let key = RecordKey::Session(client.id());
    let mut hints = crate::record::SessionHints::decode(&world.store.borrow()[&key].bytes).unwrap();
    hints.tenant = tenant("bank");
    world.put(key, hints.encode());
    world.refuses(&client.request(&world, &path, &Plain::default()), RecordRefused);
}

#[test]
fn a_session_of_another_tenant_gives_nothing() {
    let (world, client, _) = scene();
    let other = Client::new("bank", "alice");
    other.login(&world);
    let path = format!("/v1/sessions/{}/revoke", client.id());
    world.refuses(&other.request(&world, &path, &Plain::default()), NotFound);
}

/// What becomes of a client's request once a tenant's document is replaced by other bytes.
fn refused_with_document(make: impl FnOnce(&World) -> Vec<u8>) {
    let (world, client, path) = scene();
    world.put(RecordKey::Tenant(tenant("shop")), make(&world));
    world.refuses(&client.request(&world, &path, &Plain::default()), TenantUnknown);
}

#[test]
fn an_altered_tenant_document_is_refused() {
    let (world, client, path) = scene();
    world.edit(&RecordKey::Tenant(tenant("shop")));
    world.refuses(&client.request(&world, &path, &Plain::default()), TenantUnknown);
}

#[test]
fn a_tenant_document_that_another_key_signed_is_refused() {
    refused_with_document(|world| World::new().sign_document(&world.document("shop")));
}

#[test]
fn an_unsigned_tenant_document_is_refused() {
    refused_with_document(|world| codec::encode(&world.document("shop")));
}

#[test]
fn a_tenant_document_that_was_signed_as_something_else_is_refused() {
    refused_with_document(|world| world.sign_without_label(&world.document("shop")));
}

#[test]
fn another_tenants_document_in_a_tenants_place_is_refused() {
    refused_with_document(|world| world.sign_document(&world.document("bank")));
}

#[test]
fn an_older_tenant_document_is_refused_once_a_newer_one_was_seen() {
    let (world, client, path) = scene();
    let old = world.document("shop");
    let mut new = old.clone();
    new.serial = 2;
    world.put_tenant(&new);
    assert!(client.plain::<SessionRenewed>(&world, &path).is_ok());
    world.put_tenant(&old);
    world.refuses(&client.request(&world, &path, &Plain::default()), TenantUnknown);
}

#[test]
fn a_tenant_that_does_not_exist_is_refused() {
    let world = World::new();
    let client = Client::new("nobody", "alice");
    let (sealed, _) = client.opening_with(&world, |_| ());
    world.refuses(&client.sign(&world, &sealed), TenantUnknown);
}

#[test]
fn a_data_key_that_kms_did_not_wrap_is_refused() {
    let (mut world, client, path) = scene();
    world.restart();
    let key = RecordKey::DataKey { tenant: tenant("shop"), number: DataKeyNumber(1) };
    world.put(key, vec![1, 2, 3]);
    world.refuses(&client.request(&world, &path, &Plain::default()), RecordRefused);
}

#[test]
fn old_records_open_with_an_older_data_key() {
    let (world, client, path) = scene();
    // A rotation: a second key appears, the first stays.
    let second = RecordKey::DataKey { tenant: tenant("shop"), number: DataKeyNumber(2) };
    let wrapped = world.make_data_key(&tenant("shop"));
    world.put(second, crate::record::DataKeyRecord { wrapped }.encode());
    let _: SessionRenewed = client.plain(&world, &path).unwrap();
    // Written anew with the new key; it still opens.
    let _: SessionRenewed = client.plain(&world, &path).unwrap();
}

#[test]
fn a_function_that_hands_over_other_records_than_asked_for_is_refused() {
    use sharekeep_schemas::enclave::{Call, LoadedRecord, RecordQuery, Reply, StoredRecord};
    let (world, client, path) = scene();
    let http = client.request(&world, &path, &Plain::default());
    let key = RecordKey::Session(client.id());
    let bytes = world.store.borrow()[&key].bytes.clone();
    let wrong = StoredRecord { key: RecordKey::DeploymentKeys, bytes: bytes.clone() };
    let right = StoredRecord { key: key.clone(), bytes };
    for found in [vec![wrong], vec![right.clone(), right]] {
        let records = vec![LoadedRecord { query: RecordQuery::One(key.clone()), found }];
        let call = Call { version: 1, http: http.clone(), records };
        let Reply::Refused { code, .. } = world.reply(&call) else { panic!("not refused") };
        assert_eq!(code, RecordRefused);
    }
    let one = LoadedRecord { query: RecordQuery::One(key), found: vec![] };
    let call = Call { version: 1, http: http.clone(), records: vec![one; 65] };
    assert!(matches!(world.reply(&call), Reply::Refused { code: TooLarge, .. }));
    let call = Call { version: 2, http, records: vec![] };
    assert!(matches!(world.reply(&call), Reply::Refused { code: UnsupportedVersion, .. }));
}
