//! The secrets of a service: its own role reads them, and its namespace gets them.

use serde_json::{Value, json};

use super::metadata;
use crate::component::when_defined;
use crate::components::vault::{self, tls};
use crate::{DatabaseLogin, Inputs, Secret, Service, Source};

/// Where a pod finds the login to the database as files. They follow the password, which changes by itself.
pub(super) const DATABASE_FOLDER: &str = "/etc/database";
const USER: &str = "DATABASE_USER";
const PASSWORD: &str = "DATABASE_PASSWORD";

/// Where secrets are kept, each with the name that its objects end with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    SecretsManager,
    ParameterStore,
    Vault,
}

impl Place {
    const ALL: [Self; 3] = [Self::SecretsManager, Self::ParameterStore, Self::Vault];

    const fn of(source: &Source) -> Self {
        match source {
            Source::SecretsManager { .. } => Self::SecretsManager,
            Source::ParameterStore { .. } => Self::ParameterStore,
            Source::Vault { .. } => Self::Vault,
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::SecretsManager => "secrets-manager",
            Self::ParameterStore => "parameter-store",
            Self::Vault => "vault",
        }
    }

    fn name(self, service: &Service) -> String {
        format!("{}-{}", service.name, self.suffix())
    }

    /// Who reads it is the service itself, by its service account.
    fn provider(self, service: &Service, inputs: &Inputs) -> Value {
        let account = json!({"name": service.name});
        let aws = |name: &str| {
            json!({"aws": {
                "service": name, "region": inputs.region, "auth": {"jwt": {"serviceAccountRef": account}},
            }})
        };
        match self {
            Self::SecretsManager => aws("SecretsManager"),
            Self::ParameterStore => aws("ParameterStore"),
            Self::Vault => json!({"vault": {
                "server": vault::ADDRESS,
                "caProvider": {"type": "Secret", "name": tls::TRUST, "key": tls::AUTHORITY_KEY},
                "path": "secret",
                "version": "v2",
                "auth": {"kubernetes": {
                    "mountPath": "kubernetes", "role": service.name, "serviceAccountRef": account,
                }},
            }}),
        }
    }
}

/// The Secret with the login to the database.
pub(super) fn database_secret(service: &Service) -> String {
    format!("{}-database", service.name)
}

fn from_secret(variable: &str, secret: &str) -> Value {
    json!({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": variable}}})
}

/// The variables of the login to the database.
pub(super) fn login(service: &Service) -> [Value; 3] {
    let secret = database_secret(service);
    let file = format!("{DATABASE_FOLDER}/{PASSWORD}");
    [
        from_secret(USER, &secret),
        from_secret(PASSWORD, &secret),
        json!({"name": format!("{PASSWORD}_FILE"), "value": file}),
    ]
}

/// The variables whose values are secret.
pub(super) fn variables(service: &Service) -> impl Iterator<Item = Value> {
    service.secrets.iter().map(|secret| {
        let name = Place::of(&secret.source).name(service);
        from_secret(&secret.variable, &name)
    })
}

/// The Secrets whose values its pods read as variables.
pub(super) fn read_as_variables(service: &Service) -> Vec<String> {
    let is_used = |place: &Place| {
        let mut secrets = service.secrets.iter();
        secrets.any(|secret| Place::of(&secret.source) == *place)
    };
    let of_places = Place::ALL.into_iter().filter(is_used);
    let of_places = of_places.map(|place| place.name(service));
    let of_database =
        matches!(service.login, Some(DatabaseLogin::Password)).then(|| database_secret(service));
    of_places.chain(of_database).collect()
}

/// One value of a secret, as the operator takes it. What it would add itself is said, so that nothing differs.
fn entry(variable: &str, key: &Value, property: Option<&str>) -> Value {
    let mut reference = json!({
        "key": key,
        "conversionStrategy": "Default",
        "decodingStrategy": "None",
        "metadataPolicy": "None",
    });
    if let Some(property) = property {
        reference["property"] = property.into();
    }
    json!({"secretKey": variable, "remoteRef": reference})
}

fn entry_of(secret: &Secret) -> Value {
    let variable = &secret.variable;
    match &secret.source {
        Source::SecretsManager {
            id: key,
            key: property,
        }
        | Source::ParameterStore {
            name: key,
            key: property,
        } => entry(variable, key, property.as_deref()),
        Source::Vault { path, key } => entry(variable, &path.as_str().into(), Some(key)),
    }
}

fn object(service: &Service, kind: &str, name: &str, spec: Value) -> Value {
    let mut metadata = metadata(service, name);
    metadata["annotations"] = when_defined();
    json!({"apiVersion": "external-secrets.io/v1", "kind": kind, "metadata": metadata, "spec": spec})
}

fn external(service: &Service, name: &str, place: Place, every: &str, data: Vec<Value>) -> Value {
    let spec = json!({
        "refreshInterval": every,
        "secretStoreRef": {"kind": "SecretStore", "name": place.name(service)},
        "target": {"name": name, "creationPolicy": "Owner", "deletionPolicy": "Retain"},
        "data": data,
    });
    object(service, "ExternalSecret", name, spec)
}

/// Where its secrets are, and which of them it gets.
pub(super) fn objects(service: &Service, inputs: &Inputs) -> Vec<Value> {
    let database = inputs
        .database
        .as_ref()
        .filter(|_| service.login == Some(DatabaseLogin::Password));
    let mut objects = Vec::new();
    for place in Place::ALL {
        let here = service
            .secrets
            .iter()
            .filter(|secret| Place::of(&secret.source) == place);
        let data: Vec<Value> = here.map(entry_of).collect();
        let logs_in = place == Place::SecretsManager && database.is_some();
        if data.is_empty() && !logs_in {
            continue;
        }
        let name = place.name(service);
        let spec = json!({"provider": place.provider(service, inputs)});
        objects.push(object(service, "SecretStore", &name, spec));
        if !data.is_empty() {
            objects.push(external(service, &name, place, "1h0m0s", data));
        }
    }
    if let Some(database) = database {
        let data = vec![
            entry(USER, &database.secret, Some("username")),
            entry(PASSWORD, &database.secret, Some("password")),
        ];
        // The password changes every week, at a time that nobody knows before.
        let name = database_secret(service);
        objects.push(external(
            service,
            &name,
            Place::SecretsManager,
            "5m0s",
            data,
        ));
    }
    objects
}
