//! Connecting: credentials, region, account, and the clients of each region.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use aws_smithy_types::retry::RetryConfig;
use aws_types::os_shim_internal::{Env, Fs};
use platctl_engine::retry::call_with_retries;
use platctl_engine::tell::Teller;
use platctl_engine::{AnyKind, Catalog, Class, CloudError, CloudResult};
use platctl_kubernetes::Clusters;

use crate::budget::Budgets;
use crate::cloud::Place;
use crate::dns::Dns;
use crate::errors::Ask;
use crate::leftovers::{self, Departure};
use crate::profile;
use crate::reach;
use crate::regions;
use crate::registry;
use crate::transport::{Calls, Meter, Metered};
use crate::web::Hosts;
use crate::{Cloud, ec2};

/// How to connect.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The region; by default what the AWS SDK finds in the environment.
    pub region: Option<String>,
    /// The profile of the AWS configuration.
    pub profile: Option<String>,
    /// Where to send every call; by default AWS.
    pub endpoint_url: Option<String>,
    /// Key id and secret key, for an emulator; by default the SDK's chain of providers.
    pub credentials: Option<(String, String)>,
    /// Whether to keep to AWS's request budgets.
    pub budgets: bool,
    /// How clusters are reached.
    pub reach: reach::Settings,
    /// Whether the endpoint is the emulator's.
    pub emulator: bool,
    /// Who hears of what takes long.
    pub teller: Teller,
}

/// Who the credentials belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The account's number.
    pub account: String,
    /// The partition: `aws`, `aws-cn`, …
    pub partition: String,
    /// The caller's ARN.
    pub arn: String,
}

/// Why there is no connection. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each one is")]
pub enum ConnectError {
    #[error(
        "no AWS region is configured: set `region:` in the stack file, or use --region or AWS_REGION"
    )]
    NoRegion,
    #[error("{0}. Correct `region:` in the stack file, --region or AWS_REGION")]
    UnknownRegion(String),
    #[error(
        "no AWS credentials found: set AWS_PROFILE (or --profile), log in with `aws sso login`, or set \
         AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY ({0})"
    )]
    NoCredentials(String),
    #[error(
        "cannot get AWS credentials: {0}. If the session has expired, log in again (`aws sso login`); \
         otherwise check the profile (AWS_PROFILE or --profile)"
    )]
    LostCredentials(String),
    #[error("the AWS profile `{name}` could not be found: {hint}")]
    NoProfile { name: String, hint: String },
    #[error("AWS rejected the credentials: {0}. Renew them, then run again")]
    BadCredentials(CloudError),
    #[error("{endpoint} does not respond: {error}. Check the URL and the network connection")]
    Unreachable { endpoint: String, error: CloudError },
    #[error("cannot determine the AWS account: {0}")]
    Other(CloudError),
}

/// AWS: all kinds, in all regions, through one HTTP client.
#[derive(Debug)]
pub struct Aws {
    config: SdkConfig,
    meter: Meter,
    identity: Identity,
    region: String,
    clouds: Mutex<HashMap<String, Arc<Cloud>>>,
    clusters: Mutex<HashMap<String, Arc<Clusters>>>,
    dns: Dns,
    hosts: Hosts,
    reach: reach::Settings,
    emulator: bool,
    teller: Teller,
    departure: Departure,
}

/// Connects, and asks whose credentials these are.
///
/// # Errors
/// When there is no region, no valid credentials, or no answer.
pub async fn connect(options: Options) -> Result<Aws, ConnectError> {
    if options.credentials.is_none() {
        let (env, fs) = (Env::real(), Fs::real());
        profile::check(options.profile.as_deref(), &env, &fs).await?;
    }
    let budgets = options.budgets.then(Arc::<Budgets>::default);
    let meter = Meter::new(budgets).telling(options.teller.clone());
    let config = load(&options, &meter).await;
    let region = config
        .region()
        .map(ToString::to_string)
        .ok_or(ConnectError::NoRegion)?;
    // What speaks AWS's protocols elsewhere may have regions of its own.
    if options.endpoint_url.is_none() || options.emulator {
        regions::check(&region).map_err(ConnectError::UnknownRegion)?;
    }
    let identity = who(&config, &meter).await?;
    let dns = if options.endpoint_url.is_some() {
        Dns::none()
    } else {
        Dns::public()
    };
    let hosts = Hosts::new(stand_in(&config, &options).await);
    Ok(Aws {
        config,
        meter,
        identity,
        region,
        clouds: Mutex::default(),
        clusters: Mutex::default(),
        dns,
        hosts,
        reach: options.reach,
        emulator: options.emulator,
        teller: options.teller,
        departure: Departure::default(),
    })
}

/// Where the emulator stands for hosts of repositories, and the key that it asks for.
async fn stand_in(config: &SdkConfig, options: &Options) -> Option<(String, String)> {
    let endpoint = config.endpoint_url().filter(|_| options.emulator)?;
    let credentials = config.credentials_provider()?.provide_credentials().await;
    let key = credentials.ok()?.access_key_id().to_owned();
    Some((endpoint.to_owned(), key))
}

/// What sends requests. Where nothing is encrypted, as with the emulator, the system's certificates are not read:
/// that takes longer than many a plan.
fn sender(options: &Options) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    let unencrypted = options
        .endpoint_url
        .as_ref()
        .is_some_and(|url| url.starts_with("http:"));
    // The SDK's chain of providers may have to ask a service of AWS.
    if unencrypted && options.credentials.is_some() {
        return builder.build_http();
    }
    builder
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

pub(crate) async fn load(options: &Options, meter: &Meter) -> SdkConfig {
    let plain = sender(options);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(60));
    // A request that waits for its turn sends nothing: that is no stalled upload. How long one may take once it is
    // sent is the transport's matter.
    let stalled = StalledStreamProtectionConfig::enabled()
        .upload_enabled(false)
        .build();
    // The engine repeats calls itself: it knows which creations may be repeated, the SDK does not.
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(SharedHttpClient::new(Metered::new(plain, meter.clone())))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts.build())
        .stalled_stream_protection(stalled);
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some((id, secret)) = &options.credentials {
        let credentials = Credentials::new(id, secret, None, None, "platctl");
        loader = loader.credentials_provider(SharedCredentialsProvider::new(credentials));
    }
    loader.load().await
}

/// What the SDK's chain of providers says when none of them was set up.
const NO_PROVIDER: &str = "no providers in chain provided credentials";

async fn who(config: &SdkConfig, meter: &Meter) -> Result<Identity, ConnectError> {
    let builder = aws_sdk_sts::config::Builder::from(config)
        .interceptor(SharedInterceptor::new(meter.clone()));
    let sts = aws_sdk_sts::Client::from_conf(builder.build());
    let ask = || async { sts.get_caller_identity().send().ask().await };
    let what = "checking the AWS credentials";
    let answer = call_with_retries(&meter.teller, what, ask)
        .await
        .map_err(|error| match (error.class, &error.code) {
            (Class::Unauthenticated, None) if error.message.contains(NO_PROVIDER) => {
                ConnectError::NoCredentials(error.message)
            }
            (Class::Unauthenticated, None) => ConnectError::LostCredentials(error.message),
            (Class::Unauthenticated | Class::Denied, _) => ConnectError::BadCredentials(error),
            (Class::Unreachable | Class::Interrupted, None) => {
                let endpoint = config.endpoint_url().unwrap_or("AWS").to_owned();
                ConnectError::Unreachable { endpoint, error }
            }
            _ => ConnectError::Other(error),
        })?;
    let arn = answer.arn().unwrap_or_default().to_owned();
    let partition = arn
        .split(':')
        .nth(1)
        .filter(|part| !part.is_empty())
        .unwrap_or("aws")
        .to_owned();
    Ok(Identity {
        account: answer.account().unwrap_or_default().to_owned(),
        partition,
        arn,
    })
}

impl Aws {
    /// All kinds without a connection: for checking specs. Their verbs must not be called.
    #[must_use]
    pub fn offline(region: &str) -> Self {
        let credentials = Credentials::new("offline", "offline", None, None, "platctl");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let identity = Identity {
            account: "000000000000".into(),
            partition: "aws".into(),
            arn: String::new(),
        };
        let region = region.to_owned();
        Self {
            config,
            meter: Meter::new(None),
            identity,
            region,
            clouds: Mutex::default(),
            clusters: Mutex::default(),
            dns: Dns::none(),
            hosts: Hosts::new(None),
            reach: reach::Settings::default(),
            emulator: false,
            teller: Teller::default(),
            departure: Departure::default(),
        }
    }

    /// Who the credentials belong to.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The region that the stack lives in.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Says what takes long.
    #[must_use]
    pub const fn teller(&self) -> &Teller {
        &self.teller
    }

    /// The calls made so far.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.meter.calls
    }

    /// A region's availability zones that are open to this account, by name, whatever state they are in.
    ///
    /// # Errors
    /// What EC2 answers.
    pub async fn zones(&self, region: &str) -> CloudResult<Vec<ec2::ZoneInfo>> {
        let what = format!("reading the availability zones of {region}");
        call_with_retries(&self.teller, what, || async {
            ec2::zones(&self.cloud(region)).await
        })
        .await
    }

    /// The blocks of addresses that are in use in a region: of its VPCs, and of what they are peered with.
    ///
    /// # Errors
    /// What EC2 answers.
    pub async fn blocks(&self, region: &str) -> CloudResult<Vec<ec2::Block>> {
        let what = format!("reading the networks of {region}");
        call_with_retries(&self.teller, what, || async {
            ec2::blocks(&self.cloud(region)).await
        })
        .await
    }

    /// The region's list of the addresses that CloudFront comes from (`pl-…`); none where there is none.
    ///
    /// # Errors
    /// What EC2 answers.
    pub async fn cloudfront_prefix_list(&self, region: &str) -> CloudResult<Option<String>> {
        let name = "com.amazonaws.global.cloudfront.origin-facing";
        let what = format!("reading the prefix list {name}");
        call_with_retries(&self.teller, what, || async {
            ec2::prefix_list(&self.cloud(region), name).await
        })
        .await
    }

    /// The clients of a region, made when first asked for.
    #[must_use]
    pub fn cloud(&self, region: &str) -> Arc<Cloud> {
        let mut clouds = self.clouds.lock().unwrap_or_else(PoisonError::into_inner);
        clouds
            .entry(region.to_owned())
            .or_insert_with(|| Arc::new(self.clients(region)))
            .clone()
    }

    /// The clusters of a region.
    #[must_use]
    pub fn clusters(&self, region: &str) -> Arc<Clusters> {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Clusters::new(Arc::new(self.reach(region))));
        clusters
            .entry(region.to_owned())
            .or_insert_with(new)
            .clone()
    }

    /// Where the API server of a cluster is; none when there is no such cluster.
    ///
    /// # Errors
    /// What EKS answers.
    pub async fn endpoint(
        &self,
        region: &str,
        cluster: &str,
    ) -> CloudResult<Option<reach::Endpoint>> {
        let reach = self.reach(region);
        let what = format!("reading the endpoint of cluster {cluster}");
        call_with_retries(&self.teller, what, || reach.endpoint(cluster)).await
    }

    /// A bearer token for a cluster. EKS takes one for 15 minutes.
    ///
    /// # Errors
    /// When there are no credentials.
    pub async fn cluster_token(&self, region: &str, cluster: &str) -> CloudResult<String> {
        self.reach(region).new_token(cluster).await
    }

    /// Lets a port of this machine lead to the API server of a cluster, until this process ends.
    ///
    /// # Errors
    /// What is missing for a tunnel, or what AWS answers.
    pub async fn tunnel(&self, region: &str, cluster: &str, port: u16) -> CloudResult<()> {
        self.reach(region).tunnel(cluster, port).await
    }

    fn reach(&self, region: &str) -> reach::Reach {
        reach::Reach {
            cloud: self.cloud(region),
            settings: self.reach.clone(),
            credentials: self.config.credentials_provider(),
            emulator: self
                .config
                .endpoint_url()
                .filter(|_| self.emulator)
                .map(ToOwned::to_owned),
        }
    }

    fn clients(&self, region: &str) -> Cloud {
        let place = Place {
            region: region.to_owned(),
            account: self.identity.account.clone(),
            partition: self.identity.partition.clone(),
        };
        let meter = SharedInterceptor::new(self.meter.clone());
        let cloud = Cloud::new(
            place,
            &self.config,
            &meter,
            self.teller.clone(),
            (self.dns.clone(), self.hosts.clone()),
        );
        Cloud {
            departure: self.departure.clone(),
            ..cloud
        }
    }

    /// Deletes log groups that services have made again for clusters that this process has deleted. To be called last:
    /// events arrive late.
    pub async fn clear_late(&self) {
        for (region, cluster) in self.departure.ended() {
            leftovers::clear_late(&self.cloud(&region), &cluster).await;
        }
    }

    /// What this process does about the programs of the clusters that it deletes, in all regions.
    #[must_use]
    pub const fn departure(&self) -> &Departure {
        &self.departure
    }
}

impl Catalog for Aws {
    fn bind(&self, kind: &str, scope: &str) -> Option<Arc<dyn AnyKind>> {
        registry::bind(kind, self.cloud(scope), || self.clusters(scope))
    }

    fn names(&self) -> Vec<&'static str> {
        registry::facts()
            .into_iter()
            .map(|facts| facts.name)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::future;

    /// A provider that has none to give.
    #[derive(Debug)]
    struct Failing(fn() -> CredentialsError);

    impl ProvideCredentials for Failing {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err((self.0)()))
        }
    }

    /// What asking who one is comes to with this provider, where nobody must be called.
    async fn asked(provider: fn() -> CredentialsError) -> ConnectError {
        let meter = Meter::new(None);
        let options = Options {
            region: Some("eu-west-1".into()),
            endpoint_url: Some("http://127.0.0.1:1".into()),
            credentials: Some(("id".into(), "secret".into())),
            ..Options::default()
        };
        let config = load(&options, &meter).await.into_builder();
        let config = config
            .credentials_provider(SharedCredentialsProvider::new(Failing(provider)))
            .build();
        let error = who(&config, &meter).await.unwrap_err();
        assert_eq!(meter.calls.total(), 0);
        error
    }

    #[tokio::test(start_paused = true)]
    async fn no_credentials_are_said_at_once() {
        let begun = tokio::time::Instant::now();
        let error = asked(|| CredentialsError::not_loaded(NO_PROVIDER)).await;
        assert!(matches!(error, ConnectError::NoCredentials(_)), "{error:?}");
        assert_eq!(begun.elapsed(), Duration::ZERO, "nothing is tried twice");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_has_ended_is_said_at_once() {
        let begun = tokio::time::Instant::now();
        let error = asked(|| CredentialsError::provider_error("the SSO session has expired")).await;
        let text = error.to_string();
        assert!(
            text.contains("the SSO session has expired") && text.contains("aws sso login"),
            "{text}"
        );
        assert!(
            matches!(error, ConnectError::LostCredentials(_)),
            "{error:?}"
        );
        assert_eq!(begun.elapsed(), Duration::ZERO, "nothing is tried twice");
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_cannot_be_reached_is_no_login_that_has_ended() {
        use aws_smithy_runtime_api::client::result::ConnectorError;
        let error =
            asked(|| CredentialsError::provider_error(ConnectorError::io("no route".into()))).await;
        assert!(
            matches!(error, ConnectError::Unreachable { .. }),
            "{error:?}"
        );
    }
}
