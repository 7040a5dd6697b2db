//! Who wants more of the enclave's memory than is his.

use super::{FROST, device_keygen, encode_messages, nonce};
use crate::core::lock;
use crate::core::tests::world::Refused;
use crate::core::tests::{Client, World};
use crate::{Limits, Share};
use sharekeep_schemas::ProblemCode::{self, *};
use sharekeep_schemas::WalletId;
use sharekeep_schemas::enclave::HttpRequest;
use sharekeep_schemas::sealed::CreateWallet;

const KIB: usize = 1024;
/// Room for a key generation's state twice with an answer, not thrice.
const FOR_TWO: usize = 3 * 32 * KIB;
const MANY: Share = Share { ceremonies: 100, bytes: 100 * FOR_TWO };

struct Scene {
    world: World,
}

impl Scene {
    fn new(user_share: Share, tenant_share: Share) -> Self {
        let (ceremonies, primes) = (4, 0);
        let limits = Limits { ceremonies, user_share, tenant_share, primes, ..Limits::default() };
        Self { world: World::with_limits(limits) }
    }

    fn user(&self, tenant: &str, name: &str) -> Client {
        let client = Client::new(tenant, name);
        client.sign_up(&self.world);
        client
    }

    fn start(&self, client: &Client) -> HttpRequest {
        let client_nonce = nonce();
        let wallet = WalletId::try_from(&client_nonce[..WalletId::LEN]).unwrap();
        let mut device = device_keygen(&self.world, FROST.0, FROST.1, wallet, &client_nonce);
        let messages = encode_messages(&device.step(vec![]).unwrap());
        let (version, scheme, protocol) = (1, FROST.0, FROST.1);
        let start = CreateWallet { version, wallet, scheme, protocol, client_nonce, messages };
        client.request(&self.world, "/v1/wallets", &start)
    }

    #[track_caller]
    fn starts(&self, client: &Client) {
        self.world.serve(&self.start(client)).unwrap();
        lock(&self.world.core.ceremonies).check_sums();
    }

    /// Refused for now: nothing changed, and the caller is told when to come again.
    #[track_caller]
    fn refuses(&self, client: &Client, code: ProblemCode) {
        self.world.refuses(&self.start(client), code);
        let refused = self.world.ask(&self.start(client)).unwrap_err();
        assert!(matches!(refused, Refused { retry_after_s: Some(1..), .. }), "{refused:?}");
        lock(&self.world.core.ceremonies).check_sums();
    }
}

#[test]
fn one_user_cannot_take_all_places() {
    let scene = Scene::new(Share { ceremonies: 2, ..MANY }, MANY);
    let (alice, bob) = (scene.user("shop", "alice"), scene.user("shop", "bob"));
    scene.starts(&alice);
    scene.starts(&alice);
    scene.refuses(&alice, RateLimited);
    // Nor by way of another device.
    scene.refuses(&scene.user("shop", "alice"), RateLimited);
    scene.starts(&bob);
    scene.starts(&bob);
    // These are all that there are.
    scene.refuses(&scene.user("bank", "carol"), Overloaded);
    scene.world.pass(301);
    scene.starts(&scene.user("shop", "alice"));
}

#[test]
fn one_user_cannot_take_all_the_memory() {
    let scene = Scene::new(Share { bytes: FOR_TWO, ..MANY }, MANY);
    let (alice, bob) = (scene.user("shop", "alice"), scene.user("shop", "bob"));
    scene.starts(&alice);
    scene.starts(&alice);
    scene.refuses(&alice, RateLimited);
    scene.starts(&bob);
    scene.world.pass(301);
    scene.starts(&scene.user("shop", "alice"));
}

#[test]
fn many_accounts_of_one_tenant_cannot_take_another_tenants_places() {
    let scene = Scene::new(MANY, Share { ceremonies: 2, ..MANY });
    scene.starts(&scene.user("shop", "one"));
    scene.starts(&scene.user("shop", "two"));
    scene.refuses(&scene.user("shop", "three"), Overloaded);
    scene.starts(&scene.user("bank", "alice"));
    scene.starts(&scene.user("bank", "alice"));
    scene.world.pass(301);
    scene.starts(&scene.user("shop", "three"));
}

#[test]
fn many_accounts_of_one_tenant_cannot_take_another_tenants_memory() {
    let scene = Scene::new(MANY, Share { bytes: FOR_TWO, ..MANY });
    scene.starts(&scene.user("shop", "one"));
    scene.starts(&scene.user("shop", "two"));
    scene.refuses(&scene.user("shop", "three"), Overloaded);
    scene.starts(&scene.user("bank", "alice"));
    scene.world.pass(301);
    scene.starts(&scene.user("shop", "three"));
}

#[test]
fn by_default_no_tenant_gets_more_than_half_and_no_user_a_tenth_of_that() {
    let Limits { ceremonies, ceremony_bytes, user_share, tenant_share, .. } = Limits::default();
    assert!(tenant_share.ceremonies <= ceremonies / 2);
    assert!(tenant_share.bytes <= ceremony_bytes / 2);
    assert!(user_share.ceremonies <= tenant_share.ceremonies / 10);
    assert!(user_share.bytes <= tenant_share.bytes / 10);
}
