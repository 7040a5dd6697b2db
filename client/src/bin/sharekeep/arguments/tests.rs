use super::*;
use clap::CommandFactory;

/// Everything a user can read about the command.
fn help() -> String {
    fn collect(command: &mut clap::Command, path: &str, text: &mut String) {
        let path = format!("{path}{}", command.get_name());
        text.push_str(&format!("===== {path} =====\n{}\n", command.render_long_help()));
        for inner in command.get_subcommands_mut().filter(|c| c.get_name() != "help") {
            collect(inner, &format!("{path} "), text);
        }
    }
    let mut text = String::new();
    let mut command = Arguments::command();
    command.build();
    collect(&mut command, "", &mut text);
    text
}

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

/// Set `SHAREKEEP_UPDATE_SNAPSHOTS=1` to write the new text.
#[test]
fn help_says_what_the_snapshot_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bin/sharekeep/help.txt");
    let help = help();
    if std::env::var_os("SHAREKEEP_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, &help).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), help, "update {path}");
}

#[test]
fn no_option_takes_a_secret() {
    fn check(command: &clap::Command) {
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            let secret =
                ["pass", "token", "secret", "key", "share", "pin"].iter().any(|w| id.contains(w));
            // The release keys are public ones.
            let harmless = id.ends_with("_file") || ["token_command", "release_keys"].contains(&id);
            assert!(!secret || harmless, "{id} would put a secret where others can read it");
        }
        command.get_subcommands().for_each(check);
    }
    check(&Arguments::command());
}

#[test]
fn a_login_needs_one_source_of_a_token_at_most() {
    let parse = |options: &[&str]| {
        Arguments::try_parse_from([&["sharekeep", "login"], options].concat()).is_ok()
    };
    assert!(parse(&["--token-command", "true"]));
    assert!(!parse(&["--token-command", "true", "--token-file", "f"]));
    assert!(!parse(&["--idp", "https://idp.example"]));
    assert!(parse(&["--idp", "https://idp.example", "--user", "a", "--password-file", "f"]));
}

#[test]
fn a_message_comes_as_argument_or_from_a_file() {
    let parse = |options: &[&str]| {
        Arguments::try_parse_from([&["sharekeep", "sign", "w", "ethereum-text"], options].concat())
            .is_ok()
    };
    assert!(parse(&["hello"]));
    assert!(parse(&["--file", "f"]));
    assert!(!parse(&[]));
    assert!(!parse(&["hello", "--file", "f"]));
}

#[test]
fn an_id_may_begin_with_a_hyphen_and_options_stay_options() {
    let id = "-ZpfSIbZ5LSFauCqWfpkxA";
    let parse = |options: &[&str]| {
        let arguments = Arguments::try_parse_from([&["sharekeep"], options].concat());
        arguments.map(|arguments| arguments.command).map_err(|e| e.to_string())
    };
    for options in [
        vec!["wallet", "archive", id, "--yes"],
        vec!["wallet", "archive", "--yes", id],
        vec!["wallet", "archive", "-y", id, "--json"],
    ] {
        match parse(&options) {
            Ok(Command::Wallet(WalletCommand::Archive { wallet, yes: true })) => {
                assert_eq!(wallet, id);
            }
            Err(error) => panic!("{options:?}: {error}"),
            _ => panic!("{options:?}"),
        }
    }
    assert!(parse(&["sign", id, "ethereum-text", "hello", "--yes"]).is_ok());
    assert!(parse(&["address", id, "--chain", "bitcoin"]).is_ok());
    assert!(parse(&["prepare", "--again"]).is_ok());
    let session = format!("-{}", "A".repeat(42));
    assert!(parse(&["session", "revoke", &session, "--json"]).is_ok());
}
