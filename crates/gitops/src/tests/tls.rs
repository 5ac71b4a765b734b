//! Connections to Vault.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::charts::texts;
use super::{documents, documents_of, everything, inputs, settings};
use crate::{Inputs, Secret, Source, chosen};

fn find<'a>(
    documents: &'a [(String, Value)],
    kind: &str,
    namespace: &str,
    name: &str,
) -> &'a Value {
    let found = documents.iter().find(|(_, object)| {
        let metadata = &object["metadata"];
        object["kind"] == kind
            && metadata["name"] == name
            && (metadata["namespace"] == namespace || namespace.is_empty())
    });
    &found
        .unwrap_or_else(|| panic!("no {kind} {namespace}/{name}"))
        .1
}

/// A platform with a service whose secret is in Vault.
pub(super) fn with_secret() -> Inputs {
    let mut inputs = inputs();
    inputs.services[0].secrets = vec![Secret {
        variable: "TOKEN".into(),
        source: Source::Vault {
            path: "backend/token".into(),
            key: "value".into(),
        },
    }];
    inputs
}

#[test]
fn nothing_speaks_to_vault_in_the_clear() {
    let (mut seen, mut clear) = (BTreeSet::new(), Vec::new());
    for (path, object) in documents_of(&with_secret(), &everything()) {
        texts(&object, &mut |text| {
            for word in text.split(['"', ' ', '\n', '=']) {
                // Two jobs tell servers of before TLS from those that are not there yet, and send no token.
                if word.starts_with("http://vault") {
                    clear.push(format!("{path}: {}", object["metadata"]["name"]));
                }
                if word.starts_with("https://vault") {
                    seen.insert(path.clone());
                }
            }
        });
    }
    let jobs = "components/vault/objects/objects.yaml";
    clear.dedup();
    assert_eq!(
        clear,
        [
            format!("{jobs}: \"vault-init\""),
            format!("{jobs}: \"vault-config\"")
        ]
    );
    for path in [
        jobs,
        "clusters/prod/vault.yaml",
        "services/backend/secrets.yaml",
    ] {
        assert!(seen.contains(path), "{path} is not in {seen:?}");
    }
}

#[test]
fn the_certificate_of_vault_has_all_names_that_it_is_called_by() {
    let documents = documents_of(&with_secret(), &everything());
    let certificate = &find(&documents, "Certificate", "vault", "vault-tls")["spec"];
    let names: Vec<&str> = certificate["dnsNames"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for (_, object) in &documents {
        texts(object, &mut |text| {
            for word in text.split(['"', ' ', '\n', '=']) {
                let Some(rest) = word.strip_prefix("https://vault") else {
                    continue;
                };
                let host = format!("vault{}", rest.split([':', '/']).next().unwrap());
                assert!(names.contains(&host.as_str()), "{host} is not in {names:?}");
            }
        });
    }
    // What the chart tells the injector, and where `platctl connect` ends.
    assert!(names.contains(&"vault.vault.svc") && names.contains(&"localhost"));
    assert_eq!(certificate["ipAddresses"], json!(["127.0.0.1"]));
}

/// The issuers and the certificate of the authority come from one another, and the authority keeps its key.
#[test]
fn the_authority_of_the_cluster_is_its_own() {
    let documents = documents(&settings("{}"));
    let authority = &find(&documents, "Certificate", "cert-manager", "cluster-ca")["spec"];
    assert_eq!(authority["isCA"], true);
    assert_eq!(authority["privateKey"]["rotationPolicy"], "Never");
    let signer = authority["issuerRef"]["name"].as_str().unwrap();
    assert_eq!(
        find(&documents, "ClusterIssuer", "", signer)["spec"],
        json!({"selfSigned": {}})
    );
    let issuer = &find(&documents, "ClusterIssuer", "", "cluster-ca")["spec"];
    assert_eq!(issuer["ca"]["secretName"], authority["secretName"]);
    // Whatever is signed has it as its issuer.
    let others = documents.iter().filter(|(path, object)| {
        object["kind"] == "Certificate" && !path.starts_with("components/cert-manager/")
    });
    assert!(others.count() > 2);
}

#[test]
fn agents_and_the_operator_know_the_authority() {
    let documents = documents_of(&with_secret(), &settings("{}"));
    for name in ["backend", "frontend"] {
        let trust = &find(&documents, "Certificate", name, "vault-ca")["spec"];
        assert_eq!(trust["issuerRef"]["name"], "cluster-ca");
        assert_eq!(trust["usages"], json!(["client auth"]));
    }
    let store = find(&documents, "SecretStore", "backend", "backend-vault");
    assert_eq!(
        store["spec"]["provider"]["vault"]["caProvider"],
        json!({"type": "Secret", "name": "vault-ca", "key": "ca.crt"})
    );
    let pod = &find(&documents, "Rollout", "backend", "backend")["spec"]["template"];
    let annotations = &pod["metadata"]["annotations"];
    assert_eq!(annotations["vault.hashicorp.com/tls-secret"], "vault-ca");
    assert_eq!(
        annotations["vault.hashicorp.com/ca-cert"],
        "/vault/tls/ca.crt"
    );
}

/// Vault needs it, whether or not there is a zone; nobody asks Let's Encrypt without one.
#[test]
fn cert_manager_is_there_for_vault_without_a_zone() {
    let none = Inputs {
        zone: None,
        ..inputs()
    };
    let has = |inputs: &Inputs, text: &str, name: &str| {
        let chosen = chosen(inputs, &settings(text)).unwrap();
        chosen.iter().any(|one| one.name == name)
    };
    assert!(has(&none, "{}", "cert-manager") && !has(&none, "{}", "lets-encrypt"));
    assert!(has(&none, "cert_manager: true", "cert-manager"));
    assert!(!has(&none, "vault: false", "cert-manager"));
    assert!(has(&inputs(), "vault: false", "lets-encrypt"));
    let refused = |inputs: &Inputs, text: &str| {
        let unfit = chosen(inputs, &settings(text)).unwrap_err();
        (unfit.what, unfit.why, unfit.help)
    };
    assert_eq!(
        refused(&inputs(), "cert_manager: false"),
        (
            "vault".to_owned(),
            "requires `cert-manager`, which is disabled".to_owned(),
            Some("remove `gitops.cert_manager: false`, or set `gitops.vault: false`".to_owned())
        )
    );
    let (what, why, _) = refused(&none, "cert_manager: {email: a@example.com}");
    assert!(what == "lets-encrypt" && why.contains("DNS zone"), "{why}");
    // Without a zone there are no records for it to write, so it has no role.
    let cert_manager = crate::all()
        .iter()
        .find(|one| one.name == "cert-manager")
        .unwrap();
    assert!((cert_manager.workloads)(&none).is_empty());
}
