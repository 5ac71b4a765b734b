//! Two kinds that need no cloud.

use std::collections::BTreeMap;
use std::sync::Arc;

use platctl_engine::{
    AnyKind, Bound, Catalog, Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner,
    Permissions, Read, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};

/// A catalog of [`Bucket`] and [`Note`], in every region.
pub(super) struct Kinds;

impl Catalog for Kinds {
    fn bind(&self, kind: &str, _: &str) -> Option<Arc<dyn AnyKind>> {
        match kind {
            bucket::Bucket::NAME => Some(Arc::new(Bound::<bucket::Bucket>::new(Arc::new(())))),
            note::Note::NAME => Some(Arc::new(Bound::<note::Note>::new(Arc::new(())))),
            _ => None,
        }
    }

    fn names(&self) -> Vec<&'static str> {
        vec![bucket::Bucket::NAME, note::Note::NAME]
    }
}

/// The verbs of a kind that nobody calls.
macro_rules! idle {
    () => {
        const PERMISSIONS: Permissions = Permissions {
            read: &[],
            create: &[],
            update: &[],
            delete: &[],
        };
        const TIMING: Timing = Timing::SYNCHRONOUS;
        const IDENTITY: Identity = Identity::Name;
        const READ: Read<Self> = Read::Each(|(), _| Box::pin(async { Ok(None) }));
        type Cloud = ();
        type Outputs = Outputs;

        async fn create((): &(), _: &Self::Spec<Resolved>, _: &Claim) -> CloudResult<Id> {
            Ok(Id::from("none"))
        }
        async fn update(
            (): &(),
            _: &Live<Self>,
            _: &Self::Spec<Resolved>,
            _: &Changes,
            _: &Owner,
        ) -> CloudResult<()> {
            Ok(())
        }
        async fn delete((): &(), _: &Live<Self>) -> CloudResult<()> {
            Ok(())
        }
    };
}

mod bucket {
    use super::*;

    pub(crate) struct Bucket;

    #[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
    #[serde(deny_unknown_fields, bound = "")]
    pub(crate) struct Spec<S: Stage = Resolved> {
        bucket: S::In<String>,
        #[serde(default)]
        versioning: bool,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        tags: BTreeMap<String, String>,
    }

    platctl_engine::outputs! { Bucket { ARN: arn: String, BUCKET_NAME: bucket_name: String } }

    impl Kind for Bucket {
        const NAME: &'static str = "s3.Bucket";
        type Spec<S: Stage> = Spec<S>;
        idle!();

        fn example() -> Spec {
            Spec {
                bucket: "b".into(),
                versioning: false,
                tags: BTreeMap::new(),
            }
        }

        fn check(spec: &Spec) -> Result<(), SpecError> {
            let sound = spec.bucket.len() >= 3;
            if sound {
                Ok(())
            } else {
                Err(SpecError::new(
                    "/bucket",
                    "a bucket's name has at least 3 characters",
                ))
            }
        }
    }
}

mod note {
    use super::*;

    pub(crate) struct Note;

    #[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
    #[serde(deny_unknown_fields, bound = "")]
    pub(crate) struct Spec<S: Stage = Resolved> {
        text: S::In<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<Vec<S::In<String>>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<u32>,
    }

    platctl_engine::outputs! { Note { ID: id: String } }

    impl Kind for Note {
        const NAME: &'static str = "test.Note";
        const TAGGED: bool = false;
        type Spec<S: Stage> = Spec<S>;
        idle!();

        fn example() -> Spec {
            Spec {
                text: "t".into(),
                lines: None,
                size: None,
            }
        }
    }
}
