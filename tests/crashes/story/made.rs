//! What a user makes for a scenario, and finds again.

use super::{CREATE, Story};
use crate::device::Device;

impl Story {
    pub(super) async fn sign_all(&self, wallets: &[String]) {
        for wallet in wallets {
            self.must(&["sign", wallet, "raw", "still here", "--encoding", "plain", "--yes"]).await;
        }
    }

    pub(super) async fn create(&self) -> String {
        self.must(CREATE).await["wallet"].as_str().unwrap().to_owned()
    }

    /// The wallets of this device that stand so, by id.
    pub(super) async fn standing(&self, status: &str) -> Vec<String> {
        let listed = self.device.run(&self.site, &["wallet", "list", "--offline"]).await.said;
        // There is no list before there is a home.
        let mut ids: Vec<_> = listed["wallets"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|wallet| wallet["status"] == status)
            .map(|wallet| wallet["wallet"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    }

    pub(super) async fn active(&self) -> Vec<String> {
        self.standing("active").await
    }

    pub(super) async fn pending(&self) -> Vec<String> {
        self.standing("pending").await
    }

    pub(super) fn latest(&self, what: &str) -> String {
        format!("{what}-{}", self.made)
    }

    /// Works on another device for a while; the one before is to be put back.
    pub(super) fn turn_to(&mut self, name: &str) -> Device {
        let other = self.device.another(name);
        std::mem::replace(&mut self.device, other)
    }

    /// From now on the user works on a device with nothing on it.
    pub(super) fn empty_device(&mut self) {
        let name = self.next("home");
        self.device = self.device.another(&name);
    }

    /// For what a user does once only.
    pub(super) fn another_user(&mut self) {
        let user = self.device.user.clone();
        let name = self.next(&user);
        self.device = Device::new(&name, &self.site.path(&name), "home-0");
        self.code = "code-0".to_owned();
        self.wallets.clear();
    }

    pub(super) fn add_factor(&mut self) -> Vec<String> {
        let code = self.next("code");
        let add = ["factor", "add", "recovery-code", "--label", &code, "--new-code-file"];
        let add = add.map(str::to_owned).to_vec();
        [add, vec![self.file(&code)], self.with_code().to_vec()].concat()
    }

    pub(super) async fn add_and_find_factor(&mut self) -> String {
        let add = self.add_factor();
        let set = self.must(&add.iter().map(String::as_str).collect::<Vec<_>>()).await;
        set["factors"].as_array().unwrap().last().unwrap()["factor"].as_str().unwrap().to_owned()
    }

    /// Another device changes the recovery keys and seals all backups to them.
    pub(super) async fn rotate_elsewhere(&mut self) {
        let name = self.next("other");
        let mine = self.turn_to(&name);
        self.init().await;
        self.must(&["login"]).await;
        let id = self.add_and_find_factor().await;
        let with = self.with_code();
        let with: Vec<&str> = with.iter().map(String::as_str).collect();
        self.must(&[&["factor", "remove", &id, "--yes"][..], &with].concat()).await;
        self.device = mine;
    }
}
