//! The host sees ciphertext only: of all that it carries into the enclave and out of it, nothing is
//! secret, in any form.

use sharekeep_local::stack::StackOptions;
use sharekeep_tests::{Deployment, flow};

#[tokio::test(flavor = "multi_thread")]
async fn all_that_the_host_carries_is_ciphertext() {
    let options = StackOptions { record: true, ..StackOptions::default() };
    let deployment = Deployment::start_with(options).await;
    flow::all_that_the_host_carries_is_ciphertext(deployment).await;
}
