//! State in a bucket of S3: single objects, read strongly consistently, written under conditions.
//!
//! S3 compares `If-Match` and `If-None-Match` of a PutObject with what is there at that instant (412 when it is another
//! version; 409 when two such writes meet, of which one may be repeated; 404 for a version of nothing).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{
    Intercept, SharedInterceptor, dyn_dispatch_hint,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use aws_types::region::Region;
use platctl_engine::retry::call_with_retries;
use platctl_engine::state::{Answer, Blob, Blobs, Condition, Listed, Put};
use platctl_engine::tell::Teller;
use platctl_engine::{Class, CloudError, CloudResult};

use crate::connect::{self, Options};
use crate::errors::{Ask, Asked, cloud_error};
use crate::transport::Meter;

/// No state is larger.
const LIMIT: i64 = 64 << 20;
/// Where to ask for a bucket of which no region is known.
const ANYWHERE: &str = "us-east-1";

/// Where state lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// What every key begins with; may be empty.
    pub prefix: String,
    /// The bucket's region; S3 is asked for it unless it is said.
    pub region: Option<String>,
    /// The KMS key that objects are encrypted with; the bucket's own settings unless it is said.
    pub kms_key: Option<String>,
}

/// Opens a bucket for state. The emulator's is made when it is not there.
///
/// # Errors
/// When there is no such bucket, or no right to it.
pub async fn open(place: Place, options: &Options) -> CloudResult<Bucket> {
    let wanted = place
        .region
        .clone()
        .or_else(|| options.region.clone())
        .or_else(|| Some(ANYWHERE.to_owned()));
    let options = Options {
        region: wanted,
        ..options.clone()
    };
    let config = connect::load(&options, &Meter::new(None)).await;
    let clock = Clock::default();
    let client = |region: Option<Region>| {
        let mut builder = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(config.endpoint_url().is_some())
            .interceptor(SharedInterceptor::new(clock.clone()));
        builder.set_region(region.or_else(|| config.region().cloned()));
        Client::from_conf(builder.build())
    };
    let mut s3 = client(None);
    let region = match call_with_retries(
        &options.teller,
        format!("opening s3://{}", place.bucket),
        || whereabouts(&s3, &place.bucket),
    )
    .await
    {
        Ok(region) => region,
        Err(error) if error.class == Class::NotFound && options.emulator => {
            make(&s3, &place.bucket, &options).await?;
            None
        }
        Err(error) if error.class == Class::NotFound => {
            let message = format!(
                "bucket {} does not exist: create it before you use it for state, with versioning enabled and all public access blocked",
                place.bucket
            );
            return Err(CloudError { message, ..error });
        }
        Err(error) => return Err(error),
    };
    if let Some(region) =
        region.filter(|region| config.region().map(AsRef::as_ref) != Some(region.as_str()))
    {
        s3 = client(Some(Region::new(region)));
    }
    Ok(Bucket {
        s3,
        place,
        clock,
        teller: options.teller,
    })
}

/// The bucket's region, which S3 tells even those whom it sends elsewhere.
async fn whereabouts(s3: &Client, bucket: &str) -> CloudResult<Option<String>> {
    match s3.head_bucket().bucket(bucket).send().await {
        Ok(answer) => Ok(answer.bucket_region().map(ToOwned::to_owned)),
        Err(error) => {
            let answer = error.raw_response();
            let elsewhere =
                answer.is_some_and(|answer| matches!(answer.status().as_u16(), 301 | 307 | 400));
            let region = answer.and_then(|answer| answer.headers().get("x-amz-bucket-region"));
            match region.map(ToOwned::to_owned).filter(|_| elsewhere) {
                Some(region) => Ok(Some(region)),
                None => Err(cloud_error(error)),
            }
        }
    }
}

async fn make(s3: &Client, bucket: &str, options: &Options) -> CloudResult<()> {
    use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
    let region = options
        .region
        .as_deref()
        .filter(|region| *region != ANYWHERE);
    let elsewhere = region.map(|region| {
        let there = BucketLocationConstraint::from(region);
        CreateBucketConfiguration::builder()
            .location_constraint(there)
            .build()
    });
    let call = s3
        .create_bucket()
        .bucket(bucket)
        .set_create_bucket_configuration(elsewhere);
    match call.send().ask().await {
        Err(error) if error.class != Class::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// An open bucket.
#[derive(Debug)]
pub struct Bucket {
    s3: Client,
    place: Place,
    clock: Clock,
    teller: Teller,
}

impl Bucket {
    fn key(&self, key: &str) -> String {
        if self.place.prefix.is_empty() {
            key.to_owned()
        } else {
            format!("{}/{key}", self.place.prefix)
        }
    }

    async fn read(&self, key: &str) -> CloudResult<Option<Blob>> {
        const NAME: &str = "s3:GetObject";
        let answer = match self
            .s3
            .get_object()
            .bucket(&self.place.bucket)
            .key(self.key(key))
            .send()
            .await
        {
            Ok(answer) => answer,
            Err(error) => {
                let error = cloud_error(error);
                return if error.class == Class::NotFound {
                    Ok(None)
                } else {
                    Err(error)
                };
            }
        };
        if answer.content_length().unwrap_or_default() > LIMIT {
            let message = format!(
                "{} is larger than the limit for a state file",
                self.place(key)
            );
            return Err(CloudError::new(Class::Invalid, NAME, message));
        }
        let tag = answer.e_tag().unwrap_or_default().to_owned();
        let written = answer
            .last_modified()
            .and_then(|at| SystemTime::try_from(*at).ok());
        let age = written
            .and_then(|at| self.clock.now().duration_since(at).ok())
            .unwrap_or_default();
        let bytes = answer.body.collect().await;
        let bytes = bytes.map_err(|e| CloudError::new(Class::Interrupted, NAME, e.to_string()))?;
        Ok(Some(Blob {
            bytes: bytes.to_vec(),
            tag,
            age,
        }))
    }

    async fn write(&self, key: &str, bytes: Vec<u8>, condition: Condition) -> CloudResult<Put> {
        let call = self
            .s3
            .put_object()
            .bucket(&self.place.bucket)
            .key(self.key(key));
        let call = call
            .content_type("application/json")
            .body(ByteStream::from(bytes));
        let call = match condition {
            Condition::Absent => call.if_none_match("*"),
            Condition::Is(tag) => call.if_match(tag),
        };
        let call = match &self.place.kms_key {
            Some(key) => call
                .server_side_encryption(ServerSideEncryption::AwsKms)
                .ssekms_key_id(key),
            None => call,
        };
        match call.send().await {
            Ok(answer) => Ok(Put::Done(answer.e_tag().unwrap_or_default().to_owned())),
            Err(error) => {
                let status = error.raw_response().map(|answer| answer.status().as_u16());
                let mut error = cloud_error(error);
                match (status, error.code.as_deref()) {
                    (Some(412), _) | (Some(404), Some("NoSuchKey")) => Ok(Put::Refused),
                    (Some(409), _) => {
                        error.class = Class::Busy;
                        Err(error)
                    }
                    _ => Err(error),
                }
            }
        }
    }

    async fn listing(&self, prefix: &str) -> CloudResult<Vec<Listed>> {
        let (mut found, mut next) = (Vec::new(), None::<String>);
        let prefix = self.key(prefix);
        let ours = self.key("").len();
        loop {
            let page = || async {
                let call = self
                    .s3
                    .list_objects_v2()
                    .bucket(&self.place.bucket)
                    .prefix(&prefix);
                let answer = call.set_continuation_token(next.clone()).send().await;
                answer.asked()
            };
            let what = format!("listing s3://{}", self.place.bucket);
            let answer = call_with_retries(&self.teller, what, page).await?;
            found.extend(answer.contents().iter().filter_map(|object| {
                let written = object
                    .last_modified()
                    .and_then(|at| SystemTime::try_from(*at).ok());
                Some(Listed {
                    key: object.key()?.get(ours..)?.to_owned(),
                    written,
                })
            }));
            next = answer.next_continuation_token().map(ToOwned::to_owned);
            if next.is_none() {
                return Ok(found);
            }
        }
    }
}

impl Blobs for Bucket {
    fn place(&self, key: &str) -> String {
        format!("s3://{}/{}", self.place.bucket, self.key(key))
    }

    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Blob>> {
        Box::pin(self.read(key))
    }

    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>, condition: Condition) -> Answer<'a, Put> {
        Box::pin(self.write(key, bytes, condition))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<Listed>> {
        Box::pin(self.listing(prefix))
    }
}

/// S3's own clock, as its answers tell it: the age of a lease must not depend on this machine's.
#[derive(Clone, Debug, Default)]
struct Clock(Arc<Mutex<Option<SystemTime>>>);

impl Clock {
    fn now(&self) -> SystemTime {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .unwrap_or_else(SystemTime::now)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "platctl clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date =
            date.and_then(|text| aws_smithy_types::DateTime::from_str(text, Format::HttpDate).ok());
        if let Some(now) = date.and_then(|date| SystemTime::try_from(date).ok()) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::error::ErrorMetadata;
    use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
    use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    fn bucket(s3: Client, kms_key: Option<&str>) -> Bucket {
        let place = Place {
            bucket: "acme".into(),
            prefix: "p".into(),
            region: None,
            kms_key: kms_key.map(ToOwned::to_owned),
        };
        Bucket {
            s3,
            place,
            clock: Clock::default(),
            teller: Teller::default(),
        }
    }

    fn no_such_key() -> aws_sdk_s3::types::error::NoSuchKey {
        let meta = ErrorMetadata::builder().code("NoSuchKey").build();
        aws_sdk_s3::types::error::NoSuchKey::builder()
            .meta(meta)
            .build()
    }

    #[tokio::test]
    async fn writes_under_a_condition_and_with_the_key() {
        let rule = mock!(Client::put_object)
            .match_requests(|request| {
                request.key() == Some("p/s/journal")
                    && request.if_none_match() == Some("*")
                    && request.ssekms_key_id() == Some("alias/state")
            })
            .then_output(|| PutObjectOutput::builder().e_tag("\"1\"").build());
        let s3 = mock_client!(aws_sdk_s3, RuleMode::Sequential, &[&rule]);
        let put = bucket(s3, Some("alias/state"))
            .put("s/journal", b"x".to_vec(), Condition::Absent)
            .await;
        assert_eq!(put.unwrap(), Put::Done("\"1\"".into()));
    }

    #[tokio::test]
    async fn what_is_not_there_is_none_and_other_errors_are_errors() {
        let missing =
            mock!(Client::get_object).then_error(|| GetObjectError::NoSuchKey(no_such_key()));
        let denied = mock!(Client::get_object).then_error(|| {
            GetObjectError::generic(ErrorMetadata::builder().code("AccessDenied").build())
        });
        let found = mock!(Client::get_object).then_output(|| {
            GetObjectOutput::builder()
                .e_tag("\"2\"")
                .body(ByteStream::from_static(b"there"))
                .build()
        });
        let s3 = mock_client!(
            aws_sdk_s3,
            RuleMode::Sequential,
            &[&missing, &denied, &found]
        );
        let bucket = bucket(s3, None);
        assert_eq!(bucket.get("s/lease").await.unwrap(), None);
        assert_eq!(
            bucket.get("s/lease").await.unwrap_err().class,
            Class::Denied
        );
        assert_eq!(
            bucket.get("s/lease").await.unwrap().unwrap().bytes,
            b"there"
        );
    }

    #[tokio::test]
    async fn other_refusals_are_errors() {
        let denied = mock!(Client::put_object).then_error(|| {
            PutObjectError::generic(ErrorMetadata::builder().code("AccessDenied").build())
        });
        let s3 = mock_client!(aws_sdk_s3, RuleMode::Sequential, &[&denied]);
        let put = bucket(s3, None)
            .put("s/journal", Vec::new(), Condition::Is("\"1\"".into()))
            .await;
        assert_eq!(put.unwrap_err().class, Class::Denied);
    }

    /// What S3 answers when it has a bad moment.
    fn unavailable() -> ErrorMetadata {
        ErrorMetadata::builder().code("InternalError").build()
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_fails_is_asked_for_again() {
        use aws_sdk_s3::operation::list_objects_v2::{ListObjectsV2Error, ListObjectsV2Output};
        use aws_sdk_s3::types::Object;
        let page = |key: &'static str, next: Option<&'static str>| {
            let object = Object::builder().key(key).build();
            let next = next.map(ToOwned::to_owned);
            ListObjectsV2Output::builder()
                .contents(object)
                .set_next_continuation_token(next)
                .build()
        };
        let first = mock!(Client::list_objects_v2).then_output(move || page("p/s/1", Some("more")));
        let failed = mock!(Client::list_objects_v2)
            .then_error(|| ListObjectsV2Error::generic(unavailable()));
        let second = mock!(Client::list_objects_v2)
            .match_requests(|request| request.continuation_token() == Some("more"))
            .then_output(move || page("p/s/2", None));
        let s3 = mock_client!(
            aws_sdk_s3,
            RuleMode::Sequential,
            &[&first, &failed, &second]
        );
        let found = bucket(s3, None).list("s/").await.unwrap();
        assert_eq!(
            found
                .iter()
                .map(|listed| listed.key.as_str())
                .collect::<Vec<_>>(),
            ["s/1", "s/2"]
        );
    }

    #[tokio::test]
    async fn opening_asks_again_where_the_bucket_is() {
        use crate::local::{Answer, serve};
        use std::sync::atomic::{AtomicUsize, Ordering};
        let asked = Arc::new(AtomicUsize::new(0));
        let counts = asked.clone();
        let url = serve(move |number| {
            counts.fetch_add(1, Ordering::SeqCst);
            let status = if number == 0 {
                "503 Service Unavailable"
            } else {
                "200 OK"
            };
            Answer {
                status,
                headers: "x-amz-bucket-region: us-east-1\r\n",
                body: String::new(),
            }
        })
        .await;
        let options = Options {
            endpoint_url: Some(url),
            credentials: Some(("id".into(), "secret".into())),
            ..Options::default()
        };
        open(
            Place {
                bucket: "acme".into(),
                ..Place::default()
            },
            &options,
        )
        .await
        .unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
