//! Values of an origin's headers that are secrets.
//!
//! A stack states only where such a value is. What the distribution's header should be is read from Secrets
//! Manager whenever it is needed and kept nowhere. Which headers are secrets is written on the distribution
//! itself, as tags, so that reading it can tell: a header that has its secret's value now is shown as the
//! reference, any other value of it as being different.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::config::{Builder, Region};
use platctl_engine::{Class, CloudError, CloudResult, Resolved};

use super::{HeaderName, HeaderValue, Origin};
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::Asked;
use crate::tags::Tags;

/// The beginning of the tags: origin and header follow.
const PREFIX: &str = "platctl:secret-header:";

/// What is shown of a value that must not be.
const HIDDEN: &str = "(not the value of the secret)";

/// Where a value is: the secret's ARN, and the key in it where it is a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    arn: String,
    key: Option<String>,
}

/// An origin's id and a header's name.
pub(super) type HeaderOf = (String, HeaderName);

/// The values of secrets, read just now. Never shown.
#[derive(Default)]
pub(super) struct Values(BTreeMap<Place, Option<String>>);

impl Place {
    fn of(value: &HeaderValue<Resolved>) -> Option<Self> {
        let arn = value.value_from_secret_arn.as_ref()?;
        Some(Self {
            arn: arn.to_string(),
            key: value.json_key.clone(),
        })
    }

    fn parse(text: &str) -> Self {
        match text.split_once(' ') {
            Some((arn, key)) => Self {
                arn: arn.to_owned(),
                key: Some(key.to_owned()),
            },
            None => Self {
                arn: text.to_owned(),
                key: None,
            },
        }
    }

    fn text(&self) -> String {
        self.key
            .as_ref()
            .map_or_else(|| self.arn.clone(), |key| format!("{} {key}", self.arn))
    }
}

/// The headers of these origins that are secrets.
pub(super) fn places(origins: &BTreeMap<String, Origin>) -> BTreeMap<HeaderOf, Place> {
    let of_origin = |(id, origin): (&String, &Origin)| {
        let place =
            |(name, value)| Some(((id.clone(), HeaderName::clone(name)), Place::of(value)?));
        origin
            .custom_headers
            .iter()
            .filter_map(place)
            .collect::<Vec<_>>()
    };
    origins.iter().flat_map(of_origin).collect()
}

/// The tags that say it.
pub(super) fn tags(places: &BTreeMap<HeaderOf, Place>) -> Tags {
    let tag = |((origin, header), place): (&HeaderOf, &Place)| {
        (
            format!("{PREFIX}{origin}/{}", header.as_str()),
            place.text(),
        )
    };
    places.iter().map(tag).collect()
}

/// What a distribution's tags say.
pub(super) fn tagged(tags: &Tags) -> BTreeMap<HeaderOf, Place> {
    let place = |(key, value): (&String, &String)| {
        let (origin, header) = key.strip_prefix(PREFIX)?.rsplit_once('/')?;
        Some(((origin.to_owned(), header.into()), Place::parse(value)))
    };
    tags.iter().filter_map(place).collect()
}

/// Reads the secrets, each once.
pub(super) async fn read<'a>(
    cloud: &Cloud,
    places: impl IntoIterator<Item = &'a Place>,
) -> CloudResult<Values> {
    let mut wanted: BTreeMap<&str, Vec<&Place>> = BTreeMap::new();
    for place in places {
        wanted.entry(&place.arn).or_default().push(place);
    }
    let found = try_join_all(wanted.into_iter().map(|(arn, places)| async move {
        let text = get(cloud, arn).await?;
        let value = |place: &Place| {
            (
                place.clone(),
                text.as_deref().and_then(|text| within(text, place)),
            )
        };
        Ok::<_, CloudError>(places.into_iter().map(value).collect::<Vec<_>>())
    }));
    Ok(Values(found.await?.into_iter().flatten().collect()))
}

async fn get(cloud: &Cloud, arn: &str) -> CloudResult<Option<String>> {
    let call = cloud.secretsmanager.get_secret_value().secret_id(arn);
    // A secret of another region is read there.
    let region = arn
        .split(':')
        .nth(3)
        .filter(|region| !region.is_empty() && *region != cloud.region);
    let answer = match region {
        Some(region) => {
            let there = Builder::new().region(Region::new(region.to_owned()));
            call.customize().config_override(there).send().await
        }
        None => call.send().await,
    };
    match answer.asked() {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => Ok(other?.secret_string),
    }
}

fn within(text: &str, place: &Place) -> Option<String> {
    let Some(key) = &place.key else {
        return Some(text.to_owned());
    };
    let object: serde_json::Value = serde_json::from_str(text).ok()?;
    object.get(key)?.as_str().map(ToOwned::to_owned)
}

impl Values {
    /// What a header is to be.
    pub(super) fn resolve(&self, value: &HeaderValue<Resolved>) -> CloudResult<String> {
        let Some(place) = Place::of(value) else {
            return Ok(value.value.clone().unwrap_or_default());
        };
        self.0.get(&place).cloned().flatten().ok_or_else(|| {
            let what = place
                .key
                .as_ref()
                .map_or_else(String::new, |key| format!(", with a string at `{key}`"));
            let message = format!("{} has no value{what}", place.arn);
            CloudError::new(Class::Invalid, "secretsmanager:GetSecretValue", message)
        })
    }

    /// What is shown of a live header. The values of a distribution without our tags may be secrets.
    pub(super) fn show(
        &self,
        live: &str,
        place: Option<&Place>,
        ours: bool,
    ) -> HeaderValue<Resolved> {
        let same = place.filter(|place| self.0.get(place).and_then(Option::as_deref) == Some(live));
        match (place, same) {
            (_, Some(place)) => HeaderValue {
                value: None,
                value_from_secret_arn: Some(place.arn.as_str().into()),
                json_key: place.key.clone(),
            },
            (None, None) if ours => HeaderValue {
                value: Some(live.to_owned()),
                ..HeaderValue::default()
            },
            _ => HeaderValue {
                value: Some(HIDDEN.into()),
                ..HeaderValue::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:verify-AbCdEf";

    fn place(key: Option<&str>) -> Place {
        Place {
            arn: ARN.into(),
            key: key.map(ToOwned::to_owned),
        }
    }

    #[tokio::test]
    async fn a_header_is_shown_as_its_secret_while_it_has_the_value() {
        let get = mock!(aws_sdk_secretsmanager::Client::get_secret_value)
            .match_requests(|request| request.secret_id() == Some(ARN))
            .then_output(|| {
                GetSecretValueOutput::builder()
                    .secret_string(r#"{"token":"s3cr3t"}"#)
                    .build()
            });
        let client = mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, &[&get]);
        let cloud = Cloud {
            secretsmanager: client.into(),
            ..cloud()
        };
        let (token, other) = (place(Some("token")), place(Some("other")));
        let values = read(&cloud, [&token, &other]).await.unwrap();
        let shown = values.show("s3cr3t", Some(&token), true);
        assert_eq!(
            (shown.value.as_deref(), shown.json_key.as_deref()),
            (None, Some("token"))
        );
        assert_eq!(values.resolve(&shown).unwrap(), "s3cr3t");
        assert_eq!(
            values.show("rotated", Some(&token), true).value.as_deref(),
            Some(HIDDEN)
        );
        assert_eq!(
            values.show("rotated", None, false).value.as_deref(),
            Some(HIDDEN),
            "no tags to tell"
        );
        assert_eq!(
            values.show("plain", None, true).value.as_deref(),
            Some("plain")
        );
        let missing = HeaderValue {
            json_key: Some("other".into()),
            ..shown
        };
        assert!(
            values
                .resolve(&missing)
                .unwrap_err()
                .message
                .contains("`other`")
        );
    }

    #[test]
    fn tags_say_what_is_secret() {
        let header: HeaderOf = ("alb/1".into(), "X-Origin-Verify".into());
        let places = BTreeMap::from([(header, place(Some("token")))]);
        assert_eq!(tagged(&tags(&places)), places);
    }
}
