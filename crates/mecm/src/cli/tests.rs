use clap::CommandFactory;

use super::*;

/// All help there is, one command after another.
fn help(command: &mut clap::Command, path: &str, out: &mut String) {
    out.push_str(&format!("$ {path} --help\n"));
    for line in command.render_long_help().to_string().trim_end().lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.push('\n');
    for sub in command.get_subcommands_mut() {
        if sub.get_name() != "help" && !sub.is_hide_set() {
            let path = format!("{path} {}", sub.get_name());
            help(sub, &path, out);
        }
    }
}

#[test]
fn the_help_is_as_it_was_read_and_agreed() {
    let mut all = String::new();
    let mut command = Cli::command().term_width(0);
    command.build();
    help(&mut command, "mecm", &mut all);
    let all = all.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let agreed = include_str!("help.txt");
    assert!(
        all == agreed,
        "the help has changed; if it is meant to, src/cli/help.txt becomes:\n{all}"
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    const TENANT: &str = "11111111-2222-3333-4444-555555555555";
    let parses = |line: &[&str]| Cli::try_parse_from(["mecm"].iter().chain(line)).is_ok();
    assert!(parses(&["token", "--tenant", TENANT, "--role", "tenant"]));
    assert!(parses(&[
        "token",
        "--tenant",
        TENANT,
        "--role",
        "guest",
        "--role",
        "admin",
        "--minutes",
        "1"
    ]));
    assert!(!parses(&["token", "--tenant", TENANT]));
    assert!(!parses(&["token", "--tenant", "somebody", "--role", "tenant"]));
    assert!(!parses(&["token", "--tenant", TENANT, "--role", "root"]));
    assert!(!parses(&[
        "token",
        "--tenant",
        TENANT,
        "--role",
        "tenant",
        "--minutes",
        "0"
    ]));
    assert!(parses(&["demo", "--hosts", "1000", "--json", "--keep"]));
    assert!(!parses(&["demo", "--hosts", "0"]));
    assert!(!parses(&["demo", "--hosts", "1001"]));
    assert!(parses(&["health", "appo"]));
    assert!(!parses(&["health", "portal"]));
    assert!(!parses(&[]));
}
