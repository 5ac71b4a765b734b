//! What RDS refuses of a cluster by its values alone.

use platctl_engine::SpecError;

use super::db_cluster::Spec;
use super::{names, windows};

pub(super) fn check(spec: &Spec) -> Result<(), SpecError> {
    check_windows(spec)?;
    check_names(spec)
}

fn check_windows(spec: &Spec) -> Result<(), SpecError> {
    let at = |path: &'static str| move |message: String| SpecError::new(path, message);
    if let Some(window) = &spec.preferred_backup_window {
        windows::check_backup(window).map_err(at("/preferred_backup_window"))?;
    }
    if let Some(window) = &spec.preferred_maintenance_window {
        windows::check_maintenance(window).map_err(at("/preferred_maintenance_window"))?;
    }
    windows_collide(spec, spec).map_or(Ok(()), Err)
}

/// RDS refuses backup and maintenance windows that overlap. What is not stated stays as it is.
pub(super) fn windows_collide(live: &Spec, desired: &Spec) -> Option<SpecError> {
    let stated = &desired.preferred_backup_window;
    let backup = stated.as_ref().or(live.preferred_backup_window.as_ref())?;
    let kept = live.preferred_maintenance_window.as_ref();
    let maintenance = desired.preferred_maintenance_window.as_ref().or(kept)?;
    windows::overlap(backup, maintenance).then(|| {
        let path = if stated.is_some() {
            "/preferred_backup_window"
        } else {
            "/preferred_maintenance_window"
        };
        SpecError::new(
            path,
            format!("must not overlap: backups are at {backup}, maintenance at {maintenance}"),
        )
    })
}

fn check_names(spec: &Spec) -> Result<(), SpecError> {
    let at = |path: &'static str| move |message: String| SpecError::new(path, message);
    if let Some(name) = &spec.master_username {
        names::check_user(name).map_err(at("/master_username"))?;
    }
    if let Some(name) = &spec.database_name {
        names::check_database(name).map_err(at("/database_name"))?;
    }
    spec.port
        .map_or(Ok(()), |port| names::check_port(port).map_err(at("/port")))
}

#[cfg(test)]
mod tests {
    use super::super::db_cluster::DbCluster;
    use super::*;
    use platctl_engine::Kind;

    #[test]
    fn what_rds_would_refuse_is_refused() {
        let wrong = |change: &dyn Fn(&mut Spec)| {
            let mut spec = DbCluster::example();
            change(&mut spec);
            DbCluster::check(&spec).map_err(|error| error.path)
        };
        assert_eq!(wrong(&|_| {}), Ok(()));
        assert_eq!(
            wrong(&|spec| spec.master_username = Some("admin".into())),
            Err("/master_username".into())
        );
        assert_eq!(
            wrong(&|spec| spec.database_name = Some("grant".into())),
            Err("/database_name".into())
        );
        assert_eq!(wrong(&|spec| spec.port = Some(1149)), Err("/port".into()));
        let overlapping =
            |spec: &mut Spec| spec.preferred_backup_window = Some("04:30-05:30".into());
        assert_eq!(wrong(&overlapping), Err("/preferred_backup_window".into()));
        // The live window counts where none is stated.
        let mut desired = DbCluster::example();
        desired.preferred_backup_window = None;
        desired.preferred_maintenance_window = Some("sun:02:30-sun:03:30".into());
        assert!(DbCluster::check(&desired).is_ok());
        let found = windows_collide(&DbCluster::example(), &desired).unwrap();
        assert_eq!(
            found.to_string(),
            "/preferred_maintenance_window: must not overlap: backups are at 02:00-03:00, maintenance at \
             sun:02:30-sun:03:30"
        );
    }
}
