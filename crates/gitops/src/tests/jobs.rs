//! The scripts of jobs, run by a shell against stand-ins of `vault`, `aws` and `curl`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{everything, inputs};
use crate::all;

/// Takes notes of what it is asked, and answers as Vault does: new until it was initialised.
const VAULT: &str = r#"#!/bin/sh
echo "vault $*" >> "$DIR/calls"
case "$*" in
  "operator init"*) touch "$DIR/initialised"; printf '{\n  "recovery_keys_b64": ["k"],\n  "root_token": "hvs.root"\n}\n' ;;
  "status"*)
    if [ -e "$DIR/plain" ]; then case "$VAULT_ADDR" in http:*) exit "$(cat "$DIR/plain")" ;; *) exit 1 ;; esac; fi
    if [ -e "$DIR/initialised" ]; then echo '{"initialized": true}'; else echo '{"initialized": false}'; exit 2; fi ;;
  *auth/kubernetes/login*) [ ! -e "$DIR/plain" ] && [ -e "$DIR/login" ] || exit 2; echo hvs.short ;;
  "auth list"*|"secrets list"*) echo 'token/' ;;
  "token lookup"*) [ "$VAULT_TOKEN" = hvs.root ] && [ ! -e "$DIR/revoked" ] || exit 2; echo hvs.root ;;
  "token revoke -self") [ "$VAULT_TOKEN" = hvs.root ] && [ -e "$DIR/login" ] || exit 2; touch "$DIR/revoked" ;;
  "read secret/metadata/backend") exit 0 ;;
  "read "*) exit 2 ;;
  "write auth/kubernetes/role/platctl.config"*) [ "$VAULT_TOKEN" = hvs.root ] || exit 2; touch "$DIR/login" ;;
  "policy write"*|"write secret/data/"*) cat >> "$DIR/written" ;;
esac
"#;

const AWS: &str = r#"#!/bin/sh
echo "aws $*" >> "$DIR/calls"
[ ! -e "$DIR/denied" ]
"#;

struct Bench(PathBuf);

impl Bench {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("platctl-vault-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        for below in ["bin", "keys", "tmp"] {
            fs::create_dir_all(folder.join(below)).unwrap();
        }
        for (name, text) in [("vault", VAULT), ("aws", AWS)] {
            let path = folder.join("bin").join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self(folder)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.join(below)
    }

    fn text(&self, below: &str) -> String {
        fs::read_to_string(self.path(below)).unwrap_or_default()
    }

    /// Runs the containers of a job one after the other, as a pod does; answers which one failed, and all output.
    fn run(&self, job: &str) -> (Option<String>, String) {
        let pod = pod(job);
        let first = pod["initContainers"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut output = String::new();
        for container in first.iter().chain(pod["containers"].as_array().unwrap()) {
            let script = container["command"][2].as_str().unwrap();
            let folder = self.0.display();
            let script = script
                .replace("/tmp/", &format!("{folder}/tmp/"))
                .replace("/keys", &format!("{folder}/keys"));
            let path = format!(
                "{}:{}",
                self.path("bin").display(),
                std::env::var("PATH").unwrap()
            );
            let mut command = Command::new("sh");
            command
                .args(["-ceu", &script])
                .env("DIR", &self.0)
                .env("PATH", path);
            for variable in container["env"].as_array().unwrap() {
                let value = variable["value"].as_str().unwrap_or("resolved");
                command.env(variable["name"].as_str().unwrap(), value);
            }
            let ended = command.output().unwrap();
            output.push_str(&String::from_utf8_lossy(&ended.stdout));
            output.push_str(&String::from_utf8_lossy(&ended.stderr));
            if !ended.status.success() {
                return (container["name"].as_str().map(ToOwned::to_owned), output);
            }
        }
        (None, output)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pod(job: &str) -> Value {
    let objects = all()
        .iter()
        .flat_map(|component| (component.objects)(&inputs(), &everything()));
    let found = objects
        .into_iter()
        .find(|object| object["kind"] == "Job" && object["metadata"]["name"] == job);
    found.unwrap()["spec"]["template"]["spec"].clone()
}

fn position(calls: &str, what: &str) -> usize {
    calls
        .find(what)
        .unwrap_or_else(|| panic!("no {what} in:\n{calls}"))
}

#[test]
fn vault_is_initialised_once_and_its_keys_are_kept_and_never_shown() {
    let bench = Bench::new("once");
    let (failed, output) = bench.run("vault-init");
    assert_eq!(failed, None, "{output}");
    assert!(
        !output.contains("hvs.") && !output.contains("recovery"),
        "{output}"
    );
    let calls = bench.text("calls");
    let order = [
        "PLATCTL_PROBE",
        "operator init",
        "--secret-string file:",
        "auth enable kubernetes",
        "policy write platctl.config",
        "token revoke -self",
    ];
    let places: Vec<usize> = order.iter().map(|what| position(&calls, what)).collect();
    assert!(places.is_sorted(), "{calls}");
    assert!(bench.text("written").contains("auth/kubernetes/role/*"));

    // The same pod again, and another one: nothing happens twice.
    for keys in ["stay", "go"] {
        if keys == "go" {
            fs::remove_dir_all(bench.path("keys")).unwrap();
            fs::create_dir(bench.path("keys")).unwrap();
        }
        assert_eq!(bench.run("vault-init").0, None);
    }
    let calls = bench.text("calls");
    for once in [
        "operator init",
        "--secret-string file:",
        "auth enable kubernetes",
        "token revoke -self",
    ] {
        assert_eq!(calls.matches(once).count(), 1, "{calls}");
    }
}

/// From the first request of a person on, Vault says who asked for what.
#[test]
fn vault_writes_down_every_request_and_nobody_keeps_its_first_token() {
    let bench = Bench::new("audit");
    assert_eq!(bench.run("vault-init").0, None);
    let calls = bench.text("calls");
    assert!(
        position(&calls, "audit enable file file_path=stdout")
            < position(&calls, "auth enable kubernetes")
    );
    assert!(bench.path("revoked").exists());
}

/// The pod was lost between the last step and the one before.
#[test]
fn the_first_token_ends_when_the_job_runs_again() {
    let bench = Bench::new("again");
    assert_eq!(bench.run("vault-init").0, None);
    fs::remove_file(bench.path("revoked")).unwrap();
    assert_eq!(bench.run("vault-init").0, None);
    assert!(bench.path("revoked").exists());
}

#[test]
fn without_a_place_for_its_keys_vault_is_not_initialised() {
    let bench = Bench::new("denied");
    fs::write(bench.path("denied"), "").unwrap();
    assert_eq!(bench.run("vault-init").0.as_deref(), Some("may-write"));
    assert!(!bench.text("calls").contains("operator init"));
    fs::remove_file(bench.path("denied")).unwrap();
    assert_eq!(bench.run("vault-init").0, None);
}

#[test]
fn a_pod_that_is_lost_after_the_hand_over_says_what_is_left_to_do() {
    let bench = Bench::new("lost");
    fs::write(bench.path("initialised"), "").unwrap();
    let (failed, output) = bench.run("vault-init");
    assert_eq!(failed.as_deref(), Some("set-up"));
    assert!(output.contains("docs/platform.md"), "{output}");
}

/// Servers of before TLS are there until the job that comes later has replaced them. Nothing waits for them, and no token
/// is sent to them.
#[test]
fn jobs_wait_for_no_server_that_does_not_use_tls_yet() {
    let bench = Bench::new("plain");
    for below in ["login", "initialised"] {
        fs::write(bench.path(below), "").unwrap();
    }
    fs::write(bench.path("plain"), "0").unwrap();
    for job in ["vault-init", "vault-config"] {
        let (failed, output) = bench.run(job);
        assert_eq!(failed, None, "{output}");
        assert!(output.contains("does not use TLS yet"), "{output}");
    }
    let calls = bench.text("calls");
    assert!(
        !calls.contains("operator init") && !calls.contains("policy write"),
        "{calls}"
    );
    // One that is sealed is never well, so the job that replaces servers would wait for it.
    fs::remove_dir_all(bench.path("keys")).unwrap();
    fs::create_dir(bench.path("keys")).unwrap();
    fs::write(bench.path("plain"), "2").unwrap();
    let (failed, output) = bench.run("vault-init");
    assert_eq!(failed.as_deref(), Some("look"));
    assert!(output.contains("delete the pods"), "{output}");
}

/// A certificate that was renewed is read by the server, once.
#[test]
fn a_server_reads_its_new_certificate() {
    let bench = Bench::new("renewed");
    let pods = crate::components::vault::tls::reload();
    let script = pods
        .replace("/vault/tls", &bench.path("tmp").display().to_string())
        .replace("/seen", &bench.path("keys").display().to_string());
    // Three looks, then the end: before the second one, the certificate is renewed.
    let sleep = r#"#!/bin/sh
echo look >> "$DIR/looks"
case $(wc -l < "$DIR/looks") in 1|3) ;; 2) echo new > "$DIR/tmp/tls.crt" ;; *) exit 1 ;; esac
"#;
    let kill = "#!/bin/sh\necho \"$*\" >> \"$DIR/killed\"\n";
    for (name, text) in [("sleep", sleep), ("pkill", kill)] {
        let path = bench.path("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(bench.path("tmp/tls.crt"), "old").unwrap();
    let path = format!(
        "{}:{}",
        bench.path("bin").display(),
        std::env::var("PATH").unwrap()
    );
    let ended = Command::new("sh")
        .args(["-ceu", &script])
        .env("DIR", &bench.0)
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(bench.text("killed"), "-HUP -f ^([^ ]*/)?vault server\n");
}

#[test]
fn every_service_gets_a_policy_a_role_and_a_place_and_what_is_there_stays() {
    let bench = Bench::new("services");
    fs::write(bench.path("login"), "").unwrap();
    let (failed, output) = bench.run("vault-config");
    assert_eq!(failed, None, "{output}");
    assert!(!output.contains("hvs."), "{output}");
    let calls = bench.text("calls");
    for name in ["backend", "frontend"] {
        position(&calls, &format!("policy write service-{name} -"));
        position(
            &calls,
            &format!("write auth/kubernetes/role/{name} bound_service_account_names={name} "),
        );
    }
    assert!(
        calls.contains("write secret/data/frontend")
            && !calls.contains("write secret/data/backend"),
        "{calls}"
    );
    assert!(
        bench
            .text("written")
            .contains("path \"secret/data/backend\" { capabilities = [\"read\"] }\n")
    );
}

#[test]
fn every_script_is_one_that_a_shell_can_read() {
    let mut seen = 0;
    for component in all() {
        let objects = Value::from((component.objects)(&inputs(), &everything()));
        scripts(&objects, &mut |script| {
            seen += 1;
            let ended = Command::new("sh")
                .args(["-n", "-c", script])
                .output()
                .unwrap();
            assert!(
                ended.status.success(),
                "{}: {script}\n{}",
                component.name,
                String::from_utf8_lossy(&ended.stderr)
            );
        });
    }
    assert!(seen > 8, "only {seen} scripts were found");
    assert!(Path::new("/bin/sh").exists());
}

fn scripts(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::Object(map) => {
            if let Some([shell, _, script]) = map
                .get("command")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                && shell == "sh"
            {
                each(script.as_str().unwrap());
            }
            map.values().for_each(|below| scripts(below, each));
        }
        Value::Array(items) => items.iter().for_each(|below| scripts(below, each)),
        _ => {}
    }
}

/// Answers as the API server does for three servers of which the second one leads: a pod that is deleted is one of the
/// new revision at the next look.
const API: &str = r#"#!/bin/sh
for last; do :; done
case "$*" in
  *"--request DELETE"*) name=${last##*/}; echo "delete $name" >> "$DIR/calls"; touch "$DIR/new-$name"; [ "$name" != vault-1 ] || touch "$DIR/moved" ;;
  *statefulsets/vault) printf '{"metadata":{"generation":2, "name":"vault"},"status":{"observedGeneration":2,\n "readyReplicas": 3,"updateRevision":"vault-b"}}' ;;
  *pods?*)
    name=${last##*metadata.name%3D}; name=${name%%&*}
    active=false; [ "$name" != vault-1 ] || active=true
    case "$last" in *vault-active%3D*) wanted=${last##*vault-active%3D} ;; *) wanted=$active ;; esac
    case "$last" in *hash%21%3Dvault-b*) ;; *) exit 22 ;; esac
    if [ -e "$DIR/new-$name" ] || [ "$wanted" != "$active" ]; then printf '{"items":[]}'; else printf '{"items":[{"metadata":{"name": "%s"}}]}' "$name"; fi ;;
esac
"#;

#[test]
fn the_server_that_leads_is_replaced_last() {
    let bench = Bench::new("upgrade");
    for (name, text) in [("curl", API), ("sleep", "#!/bin/sh\n")] {
        let path = bench.path("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let (failed, output) = bench.run("vault-upgrade");
    assert_eq!(failed, None, "{output}");
    assert_eq!(
        bench.text("calls"),
        "delete vault-0\ndelete vault-2\ndelete vault-1\n"
    );
    let (failed, _) = bench.run("vault-upgrade");
    assert_eq!(failed, None);
    assert_eq!(
        bench.text("calls").lines().count(),
        3,
        "all are new already"
    );
}

/// Elasticsearch, and an API server that keeps one Secret.
const LOGS: &str = r#"#!/bin/sh
for last; do :; done
case "$*" in
  *namespaces/logging/secrets/fluent-bit-elastic) [ -e "$DIR/secret" ] || exit 22; printf '{"data": {\n "password": "%s"}}' "$(base64 -w0 < "$DIR/secret")" ;;
  *namespaces/logging/secrets) sed 's/.*"password":"\([^"]*\)".*/\1/' "$DIR/tmp/new" | tr -d '\n' > "$DIR/secret" ;;
  *_security/user/*) cat "$DIR/tmp/writer" >> "$DIR/users"; echo >> "$DIR/users" ;;
  *_security/role/*) echo "$last" >> "$DIR/roles" ;;
esac
"#;

#[test]
fn fluent_bit_gets_a_user_of_its_own_once() {
    let bench = Bench::new("logs");
    let path = bench.path("bin").join("curl");
    fs::write(&path, LOGS).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    for _ in 0..2 {
        let (failed, output) = bench.run("logs-retention");
        assert_eq!(failed, None, "{output}");
        assert!(!output.contains(&bench.text("secret")), "{output}");
    }
    let password = bench.text("secret");
    assert_eq!(password.len(), 32, "{password}");
    let user = format!(r#"{{"password":"{password}","roles":["fluent-bit"]}}"#);
    assert_eq!(bench.text("users"), format!("{user}\n{user}\n"));
    let role = bench.text("roles");
    assert!(
        role.contains("create_doc") && !role.contains("all"),
        "{role}"
    );
}
