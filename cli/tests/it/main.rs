//! The program without a service. With one, it is tested beside the service itself.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on fails, as it should"
)]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_activity-log"));
    command.args(arguments).env_clear().output().unwrap()
}

#[test]
fn each_shell_has_a_completion_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&["completions", shell]);
        let text = String::from_utf8(script.stdout).unwrap();
        assert!(
            script.status.success() && text.contains("recorded-from"),
            "{shell}"
        );
    }
}

#[test]
fn the_help_names_every_command_and_setting() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for word in [
        "record",
        "list",
        "import",
        "verify",
        "ACTIVITY_LOG_TOKEN_URL",
        "Exit codes",
    ] {
        assert!(help.contains(word), "{help}");
    }
}
