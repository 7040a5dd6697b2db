use super::*;
use rand_core::OsRng;

const CHEAP: (u32, u32, u32) = (19 * 1024, 2, 1);

struct Owned {
    tenant: TenantId,
    user: UserId,
    factor: FactorId,
    stretching: Stretching,
}

impl Owned {
    fn new() -> Self {
        Self {
            tenant: "app".parse().unwrap(),
            user: UserId::new([1; 32]),
            factor: FactorId::new([2; 16]),
            stretching: Stretching::new(CHEAP.0, CHEAP.1, CHEAP.2).unwrap(),
        }
    }

    fn binding(&self) -> PasscodeBinding<'_> {
        let Self { tenant, user, factor, stretching } = self;
        PasscodeBinding { tenant, user, factor: *factor, stretching: *stretching }
    }
}

fn passcode(text: &str) -> Passcode {
    Passcode::new(text).unwrap()
}

fn register(
    server: &PasscodeServer,
    text: &str,
    binding: &PasscodeBinding<'_>,
) -> (RegisteredPasscode, ExportKey) {
    let (client, request) = PasscodeRegistration::start(passcode(text), &mut OsRng).unwrap();
    let response = server.register(&request, binding).unwrap();
    let (upload, key) = client.finish(&response, binding, &mut OsRng).unwrap();
    (RegisteredPasscode::from_upload(&upload).unwrap(), key)
}

/// The client's key if it took the answer, and whether the server took the client's.
fn login(
    server: &PasscodeServer,
    registered: Option<&RegisteredPasscode>,
    text: &str,
    at_client: &PasscodeBinding<'_>,
    at_server: &PasscodeBinding<'_>,
) -> Result<ExportKey> {
    let (client, ke1) = PasscodeLogin::start(passcode(text), &mut OsRng)?;
    let (pending, ke2) = server.respond(registered, at_server, &ke1, &mut OsRng)?;
    assert_eq!(ke2.len(), KE2_BYTES);
    let (ke3, key) = client.finish(&ke2, at_client, &mut OsRng)?;
    pending.finish(&ke3, at_server)?;
    Ok(key)
}

#[test]
fn the_right_passcode_gives_the_registered_key_also_after_storage() {
    let (owned, server) = (Owned::new(), PasscodeServer::generate(&mut OsRng));
    let (registered, key) = register(&server, "a9 käse", &owned.binding());
    let server = PasscodeServer::from_sealing_bytes(&server.to_sealing_bytes()).unwrap();
    let registered = RegisteredPasscode::from_upload(&registered.to_sealing_bytes()).unwrap();
    let binding = owned.binding();
    // The same text as another keyboard composes it.
    let again = login(&server, Some(&registered), "a9 ka\u{308}se", &binding, &binding).unwrap();
    assert_eq!(key.as_bytes(), again.as_bytes());
}

#[test]
fn a_wrong_passcode_and_a_missing_one_end_the_same() {
    let (owned, server) = (Owned::new(), PasscodeServer::generate(&mut OsRng));
    let binding = owned.binding();
    let (registered, _) = register(&server, "right", &binding);
    for registered in [Some(&registered), None] {
        let result = login(&server, registered, "wrong", &binding, &binding);
        assert!(matches!(result, Err(Error::PasscodeWrong)));
    }
}

#[test]
fn another_tenant_user_factor_or_cost_on_either_end_fails() {
    let (owned, server) = (Owned::new(), PasscodeServer::generate(&mut OsRng));
    let (registered, _) = register(&server, "right", &owned.binding());
    let others = [
        Owned { tenant: "bpp".parse().unwrap(), ..Owned::new() },
        Owned { user: UserId::new([9; 32]), ..Owned::new() },
        Owned { factor: FactorId::new([9; 16]), ..Owned::new() },
        Owned { stretching: Stretching::new(19 * 1024, 3, 1).unwrap(), ..Owned::new() },
    ];
    for other in &others {
        let (here, there) = (owned.binding(), other.binding());
        for (at_client, at_server) in [(here, there), (there, here), (there, there)] {
            let result = login(&server, Some(&registered), "right", &at_client, &at_server);
            assert!(matches!(result, Err(Error::PasscodeWrong)), "{there:?}");
        }
    }
}

#[test]
fn a_registration_is_worth_nothing_under_another_set_up() {
    let (owned, server) = (Owned::new(), PasscodeServer::generate(&mut OsRng));
    let binding = owned.binding();
    let (registered, _) = register(&server, "right", &binding);
    let fresh = PasscodeServer::generate(&mut OsRng);
    let result = login(&fresh, Some(&registered), "right", &binding, &binding);
    assert!(matches!(result, Err(Error::PasscodeWrong)));
}

#[test]
fn a_replayed_last_message_does_not_end_another_login() {
    let (owned, server) = (Owned::new(), PasscodeServer::generate(&mut OsRng));
    let binding = owned.binding();
    let (registered, _) = register(&server, "right", &binding);
    let (client, ke1) = PasscodeLogin::start(passcode("right"), &mut OsRng).unwrap();
    let (_, ke2) = server.respond(Some(&registered), &binding, &ke1, &mut OsRng).unwrap();
    let (ke3, _) = client.finish(&ke2, &binding, &mut OsRng).unwrap();
    // The same KE1 gets another KE2, so the KE3 recorded above fits no second login.
    let (pending, _) = server.respond(Some(&registered), &binding, &ke1, &mut OsRng).unwrap();
    assert!(matches!(pending.finish(&ke3, &binding), Err(Error::PasscodeWrong)));
}

#[test]
fn a_decoy_evaluates_the_same_each_time_as_a_real_set_up_does() {
    let owned = Owned::new();
    let binding = owned.binding();
    let (_, ke1) = PasscodeLogin::start(passcode("any"), &mut OsRng).unwrap();
    let evaluated = |server: &PasscodeServer, registered: Option<&RegisteredPasscode>| {
        server.respond(registered, &binding, &ke1, &mut OsRng).unwrap().1[..32].to_vec()
    };
    let decoy = || PasscodeServer::decoy(&[7; 32], &binding);
    assert_eq!(evaluated(&decoy(), None), evaluated(&decoy(), None));
    let elsewhere = Owned { user: UserId::new([9; 32]), ..Owned::new() };
    let other = PasscodeServer::decoy(&[7; 32], &elsewhere.binding());
    assert_ne!(evaluated(&decoy(), None), evaluated(&other, None));
}

#[test]
fn messages_of_another_length_or_no_group_element_are_refused() {
    let (owned, server) = (Owned::new(), PasscodeServer::generate(&mut OsRng));
    let binding = owned.binding();
    for length in [0, 31, 33, 63, 64, 95, 97, 319, 321, 100_000] {
        let bytes = vec![1; length];
        assert!(server.register(&bytes, &binding).is_err());
        assert!(server.respond(None, &binding, &bytes, &mut OsRng).is_err());
        assert!(RegisteredPasscode::from_upload(&bytes).is_err());
        assert!(PasscodeServer::from_sealing_bytes(&bytes).is_err());
        let (client, _) = PasscodeLogin::start(passcode("any"), &mut OsRng).unwrap();
        let result = client.finish(&bytes, &binding, &mut OsRng);
        assert!(matches!(result, Err(Error::PasscodeMessage)));
    }
    for filling in [0, 0xff] {
        assert!(server.register(&[filling; 32], &binding).is_err());
        assert!(server.respond(None, &binding, &[filling; 96], &mut OsRng).is_err());
        assert!(RegisteredPasscode::from_upload(&[filling; 192]).is_err());
    }
}

#[test]
fn a_service_that_reflects_the_request_is_refused() {
    let owned = Owned::new();
    let (client, request) = PasscodeRegistration::start(passcode("any"), &mut OsRng).unwrap();
    let mut response = request.to_vec();
    response.extend_from_slice(&request);
    assert!(client.finish(&response, &owned.binding(), &mut OsRng).is_err());
}

#[test]
fn empty_and_overlong_passcodes_are_refused_and_length_counts_after_normalisation() {
    assert!(matches!(Passcode::new(""), Err(Error::PasscodeEmpty)));
    assert!(Passcode::new(&"x".repeat(256)).is_ok());
    assert!(matches!(Passcode::new(&"x".repeat(257)), Err(Error::PasscodeTooLong)));
    // U+FDFA has 3 bytes and its decomposition 33.
    assert!(matches!(Passcode::new(&"\u{fdfa}".repeat(20)), Err(Error::PasscodeTooLong)));
}

#[test]
fn costs_outside_floor_and_ceiling_are_refused_however_they_come() {
    let gib = 1024 * 1024;
    for (memory, iterations, lanes) in [
        (19 * 1024 - 1, 2, 1),
        (19 * 1024, 1, 1),
        (19 * 1024, 2, 0),
        (gib + 1, 2, 1),
        (gib, 11, 1),
        (gib, 10, 5),
    ] {
        assert!(Stretching::new(memory, iterations, lanes).is_err());
        let named = std::collections::BTreeMap::from([
            ("memory_kib", memory),
            ("iterations", iterations),
            ("lanes", lanes),
        ]);
        let bytes = sharekeep_schemas::codec::encode(&named);
        assert!(sharekeep_schemas::codec::decode::<Stretching>(&bytes, 100).is_err());
    }
    assert!(Stretching::new(gib, 10, 4).is_ok());
    let bytes = sharekeep_schemas::codec::encode(&Stretching::default());
    assert_eq!(sharekeep_schemas::codec::decode(&bytes, 100), Ok(Stretching::default()));
}
