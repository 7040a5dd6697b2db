//! Crash tests: client, functions and enclave are processes, and each is killed (SIGKILL) at every
//! step of the table in `sharekeep-steps`, just before it is durable and just after, and the enclave
//! when it has decided and nobody knows. The client is killed with it, so nobody is left who could
//! tidy up. Then the user does what a user does, the same again, and afterwards every wallet signs,
//! comes back on an empty device, and no more guesses are spent than were made.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod device;
mod scenario;
mod site;
mod story;

use scenario::Scenario;
use story::kill_everywhere_in;

macro_rules! scenarios {
    ($( $name:ident: $scenario:ident, )+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                kill_everywhere_in(Scenario::$scenario).await;
            }
        )+
    };
}

scenarios! {
    a_set_up_killed_anywhere_can_be_repeated: SetUp,
    settings_are_replaced_or_stay_whoever_is_killed: NewSettings,
    a_release_is_accepted_or_not_whoever_is_killed: NewRelease,
    the_first_sign_in_of_a_deployment_killed_anywhere_can_be_repeated: FirstSignIn,
    a_sign_in_killed_anywhere_can_be_repeated: SignIn,
    a_renewal_killed_anywhere_leaves_a_session_or_asks_for_one: Renew,
    a_sign_out_killed_anywhere_can_be_repeated: SignOut,
    recovery_set_up_and_killed_anywhere_can_be_set_up_onto_the_same_files: SetUpRecovery,
    a_wallet_whose_making_is_killed_anywhere_signs_and_restores: Create,
    a_preparation_killed_anywhere_is_made_again: Prepare,
    a_backup_killed_anywhere_still_restores: Backup,
    a_factor_whose_adding_is_killed_anywhere_opens_the_backups: AddFactor,
    a_change_of_factors_interrupted_twice_can_be_repeated: AddFactorAgain,
    a_factor_whose_removal_is_killed_anywhere_opens_nothing: RemoveFactor,
    a_guess_killed_anywhere_costs_at_most_one: Guess,
    a_restore_killed_anywhere_can_be_repeated: Restore,
    a_wallet_put_away_and_killed_anywhere_is_put_away: Archive,
    a_deletion_killed_anywhere_can_be_repeated: DeleteBackup,
    a_half_made_wallet_is_forgotten_whoever_is_killed: Forget,
    a_device_named_and_killed_anywhere_has_a_name: NameDevice,
    a_device_revoked_and_killed_anywhere_is_revoked: RevokeDevice,
    a_download_killed_anywhere_can_be_repeated: Download,
    an_offline_recovery_killed_anywhere_can_be_repeated: Offline,
}
