//! What the database is configured with.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use platctl_aws::rds::db_cluster_parameter_group::{self, DbClusterParameterGroup};
use platctl_aws::rds::db_parameter_group::{self, DbParameterGroup};
use platctl_engine::Handle;

use super::{Database, Scalar};
use crate::declare::{Checked, Declare};

/// The groups of parameters of a cluster and of its instances.
pub(super) struct Groups {
    pub(super) cluster: Handle<DbClusterParameterGroup>,
    pub(super) instance: Handle<DbParameterGroup>,
}

impl Scalar {
    /// As RDS writes it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Bool(on) => u8::from(*on).to_string(),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl Database {
    /// A group's family is that of the engine's major version and cannot change, so its name has it too: an
    /// upgrade makes a new group beside the old one.
    pub(super) fn parameter_groups(&self, declare: &mut Declare<'_>) -> Checked<Groups> {
        let family = self.family();
        let major = family.trim_start_matches("aurora-postgresql");
        let mut parameters: BTreeMap<String, String> = self
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.value.text()))
            .collect();
        // Connections without TLS are refused; what is slower than a second is logged.
        parameters.insert("rds.force_ssl".into(), "1".into());
        parameters
            .entry("log_min_duration_statement".into())
            .or_insert_with(|| "1000".into());
        let spec = db_cluster_parameter_group::Spec {
            db_cluster_parameter_group_name: declare.name(&format!("database-cluster-{major}")),
            db_parameter_group_family: family.clone(),
            description: "Parameters of the database cluster".to_owned(),
            parameters,
            tags: declare.tags("parameters.cluster"),
            stage: PhantomData,
        };
        let cluster = declare.add("parameters.cluster", &spec)?;
        let logged = ("log_connections".to_owned(), "1".to_owned());
        let spec = db_parameter_group::Spec {
            db_parameter_group_name: declare.name(&format!("database-instance-{major}")),
            db_parameter_group_family: family,
            description: "Parameters of the database instances".to_owned(),
            parameters: BTreeMap::from([logged]),
            tags: declare.tags("parameters.instance"),
            stage: PhantomData,
        };
        let instance = declare.add("parameters.instance", &spec)?;
        Ok(Groups { cluster, instance })
    }
}
