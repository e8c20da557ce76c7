//! What a stranger reads when the server does not start: golden.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    golden,
    process::{Ready, run, server},
};

/// A directory for one case, and a server that is meant not to start.
struct Case {
    name: &'static str,
    dir: tempfile::TempDir,
    /// Texts that differ from run to run.
    masks: Vec<(String, &'static str)>,
}

impl Case {
    fn new(name: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let masks = vec![(dir.path().to_str().unwrap().to_owned(), "DIR")];
        Self { name, dir, masks }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The server with its data in this directory, on a free port.
    fn server(&self, arguments: &[&str]) -> Command {
        let mut command = server(arguments);
        command.env("XDG_DATA_HOME", self.dir.path());
        command
    }

    /// Runs, and compares exit code and standard error with the committed output.
    #[track_caller]
    fn check(&self, command: Command) {
        let output = run(command);
        let code = output.status.code();
        let mut text = String::from_utf8(output.stderr).unwrap();
        for (value, mask) in &self.masks {
            text = text.replace(value, mask);
        }
        assert!(output.stdout.is_empty(), "{:?}", output.stdout);
        let text = format!("exit {}\n{text}", code.unwrap());
        golden::check(&format!("testdata/server/{}.txt", self.name), &text);
    }

    #[track_caller]
    fn check_config(&self, text: &str) {
        let file = self.write("xchat.toml", text);
        self.check(self.server(&["--config", &file]));
    }
}

fn taken_port() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[test]
fn a_role_that_does_not_exist() {
    let case = Case::new("role_unknown");
    case.check(case.server(&["identiy"]));
}

#[test]
fn a_flag_that_does_not_exist() {
    let case = Case::new("flag_unknown");
    case.check(case.server(&["--lisen", "127.0.0.1:0"]));
}

#[test]
fn a_configuration_file_that_is_not_there() {
    let case = Case::new("config_unreadable");
    let file = case.path("none.toml");
    case.check(case.server(&["--config", file.to_str().unwrap()]));
}

#[test]
fn a_configuration_file_that_is_not_toml() {
    Case::new("config_not_toml").check_config("[public]\nlisten = 127.0.0.1:8420\n[log\n");
}

#[test]
fn a_configuration_with_five_mistakes() {
    let text = "\
[public]
lisen = \"127.0.0.1:8420\"

[log]
filter = \"xchat=loud\"

[shutdown]
grace = \"soon\"

[backends.event_log]
kind = \"kafkaa\"
partitions = 0
";
    Case::new("config_five_mistakes").check_config(text);
}

#[test]
fn a_wrong_environment_variable() {
    let case = Case::new("config_environment");
    let mut command = case.server(&[]);
    command.env("XCHAT__SHUTDOWN__DRAIN", "5");
    command.env("XCHAT__PUBLC__LISTEN", "127.0.0.1:1");
    case.check(command);
}

#[test]
fn an_address_that_others_can_reach_without_tls() {
    let case = Case::new("public_plain");
    case.check(case.server(&["--listen", "0.0.0.0:8420"]));
}

#[test]
fn services_that_others_could_reach() {
    Case::new("grpc_not_loopback").check_config("[listen]\nidentity = \"0.0.0.0:8431\"\n");
}

#[test]
fn a_certificate_without_a_key() {
    Case::new("tls_half").check_config("[public.tls]\ncert_file = \"cert.pem\"\n");
}

#[test]
fn a_certificate_that_is_not_one() {
    let case = Case::new("tls_files");
    let cert = case.write("cert.pem", "hello");
    let text = format!("[public.tls]\ncert_file = \"{cert}\"\nkey_file = \"{cert}\"\n");
    case.check_config(&text);
}

#[test]
fn certificate_and_key_that_are_not_there_are_found_by_the_check_with_all_else() {
    let case = Case::new("tls_files_missing");
    let (cert, key) = (case.path("cert.pem"), case.path("key.pem"));
    let text = format!(
        "[public.tls]\ncert_file = {cert:?}\nkey_file = {key:?}\n[identity]\nproof_effort = 17\naccess_token_life = \"1h\"\n"
    );
    let file = case.write("xchat.toml", &text);
    case.check(case.server(&["--config", &file, "config", "check"]));
}

#[test]
fn a_role_beside_a_command() {
    let case = Case::new("role_and_command");
    case.check(case.server(&["gateway", "config", "check"]));
}

#[test]
fn a_port_that_another_program_has() {
    let mut case = Case::new("port_in_use");
    let (_listener, address) = taken_port();
    let port = address.rsplit(':').next().unwrap();
    let other = (port.parse::<u16>().unwrap() ^ 1).to_string();
    case.masks.push((port.to_owned(), "PORT"));
    case.masks.push((other, "OTHER"));
    case.check(case.server(&["--listen", &address]));
}

#[test]
fn a_port_of_a_service_that_another_program_has() {
    let mut case = Case::new("grpc_port_in_use");
    let (_listener, address) = taken_port();
    let port = address.rsplit(':').next().unwrap();
    let other = (port.parse::<u16>().unwrap() ^ 1).to_string();
    case.masks.push((port.to_owned(), "PORT"));
    case.masks.push((other, "OTHER"));
    let mut command = case.server(&["presence"]);
    command.env("XCHAT__LISTEN__PRESENCE", &address);
    case.check(command);
}

/// 192.0.2.0/24 is for documentation: no machine has it.
#[test]
fn an_address_of_another_machine() {
    let case = Case::new("address_unknown");
    let mut command = case.server(&["--listen", "192.0.2.1:8420"]);
    command.env("XCHAT__PUBLIC__BEHIND_PROXY", "true");
    case.check(command);
}

#[test]
fn no_place_for_data() {
    let case = Case::new("data_dir_unknown");
    case.check(server(&["--listen", "127.0.0.1:0"]));
}

#[test]
fn a_file_in_the_place_of_the_data_directory() {
    let case = Case::new("data_dir_is_a_file");
    let file = case.write("data", "");
    case.check(case.server(&["--listen", "127.0.0.1:0", "--data-dir", &file]));
}

/// Not even root can make a directory in /proc.
#[test]
fn a_data_directory_that_cannot_be_made() {
    let case = Case::new("data_dir_refused");
    case.check(case.server(&["--listen", "127.0.0.1:0", "--data-dir", "/proc/xchat"]));
}

fn start_twice(name: &'static str, second: &[&str]) {
    let case = Case::new(name);
    let first = Ready::start(case.dir.path(), &[]);
    let mut command = case.server(second);
    command.arg("--data-dir").arg(case.dir.path());
    command.env("XCHAT__LISTEN__IDENTITY", "127.0.0.1:0");
    command.env("XCHAT__LISTEN__FANOUT", "127.0.0.1:0");
    case.check(command);
    drop(first);
}

#[test]
fn two_servers_on_one_data_directory() {
    start_twice("data_locked", &["--listen", "127.0.0.1:0"]);
}

#[test]
fn a_role_on_the_data_directory_of_another_server() {
    start_twice("data_locked_fanout", &["fanout"]);
}

fn spoil_key(name: &'static str, spoil: impl FnOnce(&Path)) {
    let case = Case::new(name);
    drop(Ready::start(case.dir.path(), &[]));
    spoil(&case.path("installation.key"));
    let mut command = case.server(&["--listen", "127.0.0.1:0"]);
    command.arg("--data-dir").arg(case.dir.path());
    case.check(command);
}

#[test]
fn a_key_file_that_others_can_read() {
    spoil_key("key_exposed", |file| {
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    });
}

#[test]
fn a_key_file_that_is_damaged() {
    spoil_key("key_damaged", |file| fs::write(file, "{}").unwrap());
}

#[test]
fn a_key_file_that_is_gone_while_the_stores_are_there() {
    spoil_key("key_missing", |file| fs::remove_file(file).unwrap());
}

/// Not by the command that makes one, either.
#[test]
fn keys_are_not_made_beside_stores_that_had_others() {
    let case = Case::new("key_create_beside_stores");
    drop(Ready::start(case.dir.path(), &[]));
    fs::remove_file(case.path("installation.key")).unwrap();
    let mut command = case.server(&["key", "create"]);
    command.arg("--data-dir").arg(case.dir.path());
    case.check(command);
}

#[test]
fn an_invite_before_the_first_start() {
    let case = Case::new("invite_without_keys");
    case.check(case.server(&["invite", "create"]));
}
