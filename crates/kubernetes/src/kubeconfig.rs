//! The file by which kubectl and others find a cluster.

use serde_json::{Value, json};

/// A cluster, and how its users are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name of the context.
    pub context: String,
    /// The name of the cluster and of its user; no other tool writes entries of this name.
    pub name: String,
    /// The address of the API server.
    pub server: String,
    /// The name in its certificate, where it is not that of the address.
    pub tls_server_name: Option<String>,
    /// The certificate of its authority: PEM, base64-encoded.
    pub authority: Option<String>,
    /// The program that makes tokens, with its arguments.
    pub command: Vec<String>,
}

/// Why an entry cannot be added to a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The file is none of these.
    #[error("it is not a kubeconfig file: {0}")]
    NotOne(String),
    /// The name of the context is taken.
    #[error(
        "it already has a context `{context}`, for the cluster `{cluster}`. Choose another name with --context"
    )]
    Taken {
        /// The context.
        context: String,
        /// Whose it is.
        cluster: String,
    },
}

/// The file with the entry in it, whose context becomes the current one; everything else stays as it was.
///
/// # Errors
/// A file that is not one, or in which another cluster has the context's name.
pub fn merged(existing: Option<&str>, entry: &Entry) -> Result<String, Unfit> {
    let mut config = match existing.filter(|text| !text.trim().is_empty()) {
        None => json!({"apiVersion": "v1", "kind": "Config"}),
        Some(text) => {
            serde_yaml::from_str::<Value>(text).map_err(|error| Unfit::NotOne(error.to_string()))?
        }
    };
    let valid = config.is_object() && config["kind"].as_str().is_none_or(|kind| kind == "Config");
    if !valid {
        return Err(Unfit::NotOne("`kind` is not `Config`".into()));
    }
    let cluster_of = config["contexts"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| one["name"] == entry.context.as_str())
        .and_then(|one| one["context"]["cluster"].as_str());
    if let Some(cluster) = cluster_of.filter(|cluster| *cluster != entry.name) {
        return Err(Unfit::Taken {
            context: entry.context.clone(),
            cluster: cluster.to_owned(),
        });
    }
    for (list, key, name, content) in parts(entry) {
        put(&mut config, list, json!({"name": name, key: content}))?;
    }
    config["current-context"] = entry.context.clone().into();
    serde_yaml::to_string(&config).map_err(|error| Unfit::NotOne(error.to_string()))
}

type Part<'a> = (&'static str, &'static str, &'a str, Value);

fn parts(entry: &Entry) -> [Part<'_>; 3] {
    let mut cluster = json!({"server": entry.server});
    if let Some(authority) = &entry.authority {
        cluster["certificate-authority-data"] = authority.clone().into();
    }
    if let Some(name) = &entry.tls_server_name {
        cluster["tls-server-name"] = name.clone().into();
    }
    let (program, arguments) = entry
        .command
        .split_first()
        .map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": program,
        "args": arguments,
        "env": null,
        "provideClusterInfo": false,
        "interactiveMode": "Never",
    });
    [
        ("clusters", "cluster", entry.name.as_str(), cluster),
        ("users", "user", entry.name.as_str(), json!({"exec": exec})),
        (
            "contexts",
            "context",
            entry.context.as_str(),
            json!({"cluster": entry.name, "user": entry.name}),
        ),
    ]
}

/// Puts an item into a list of the file, in the place of the one with its name.
fn put(config: &mut Value, list: &str, item: Value) -> Result<(), Unfit> {
    if config[list].is_null() {
        config[list] = json!([]);
    }
    let items = config[list]
        .as_array_mut()
        .ok_or_else(|| Unfit::NotOne(format!("`{list}` is not a list")))?;
    match items.iter_mut().find(|one| one["name"] == item["name"]) {
        Some(one) => {
            // A namespace that somebody chose for a context stays.
            let namespace = one["context"]["namespace"].clone();
            *one = item;
            if !namespace.is_null() {
                one["context"]["namespace"] = namespace;
            }
        }
        None => items.push(item),
    }
    Ok(())
}

/// What such a program answers with: the token, and until when it is used.
#[must_use]
pub fn credential(token: &str, until: &str) -> Value {
    json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {"interactive": false},
        "status": {"token": token, "expirationTimestamp": until},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            context: "prod".into(),
            name: "platctl-prod".into(),
            server: "https://example.eks.amazonaws.com".into(),
            tls_server_name: None,
            authority: Some("Y2VydA==".into()),
            command: vec!["platctl".into(), "token".into(), "prod-cluster".into()],
        }
    }

    const OTHERS: &str = "\
apiVersion: v1
kind: Config
preferences: {}
current-context: kind
clusters: [{name: kind, cluster: {server: 'https://127.0.0.1:6443'}}]
users: [{name: kind, user: {token: x}}]
contexts: [{name: kind, context: {cluster: kind, user: kind}}]
";

    fn read(text: &str) -> Value {
        serde_yaml::from_str(text).unwrap()
    }

    #[test]
    fn a_new_file_has_the_cluster_its_user_and_the_context() {
        let config = read(&merged(None, &entry()).unwrap());
        assert_eq!(config["current-context"], "prod");
        assert_eq!(
            config["clusters"][0]["cluster"],
            json!({"server": "https://example.eks.amazonaws.com", "certificate-authority-data": "Y2VydA=="})
        );
        let exec = &config["users"][0]["user"]["exec"];
        assert_eq!(exec["command"], "platctl");
        assert_eq!(exec["args"], json!(["token", "prod-cluster"]));
        assert_eq!(
            config["contexts"],
            json!([{"name": "prod", "context": {"cluster": "platctl-prod", "user": "platctl-prod"}}])
        );
    }

    #[test]
    fn what_others_wrote_stays() {
        let config = read(&merged(Some(OTHERS), &entry()).unwrap());
        assert_eq!(config["clusters"][0], read(OTHERS)["clusters"][0]);
        assert_eq!(config["users"][0]["user"]["token"], "x");
        assert_eq!(config["clusters"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_second_time_changes_its_own_entries_only() {
        let once = merged(Some(OTHERS), &entry()).unwrap();
        let mut chosen = read(&once);
        chosen["contexts"][1]["context"]["namespace"] = "backend".into();
        let chosen = serde_yaml::to_string(&chosen).unwrap();
        let moved = Entry {
            server: "https://127.0.0.1:9443".into(),
            tls_server_name: Some("example.eks.amazonaws.com".into()),
            ..entry()
        };
        let config = read(&merged(Some(&chosen), &moved).unwrap());
        assert_eq!(config["clusters"].as_array().unwrap().len(), 2);
        let cluster = &config["clusters"][1]["cluster"];
        assert_eq!(cluster["server"], "https://127.0.0.1:9443");
        assert_eq!(cluster["tls-server-name"], "example.eks.amazonaws.com");
        assert_eq!(config["contexts"][1]["context"]["namespace"], "backend");
    }

    #[test]
    fn a_context_of_another_cluster_is_not_taken_over() {
        let taken = OTHERS.replace("name: kind, context", "name: prod, context");
        let error = merged(Some(&taken), &entry()).unwrap_err();
        assert!(error.to_string().contains("--context"), "{error}");
    }

    #[test]
    fn a_file_that_is_none_is_not_overwritten() {
        for text in ["[1, 2]", "kind: Pod", "clusters: 3\nkind: Config", "{"] {
            assert!(
                matches!(merged(Some(text), &entry()), Err(Unfit::NotOne(_))),
                "{text}"
            );
        }
    }
}
