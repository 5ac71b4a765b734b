//! Identifiers and values that specs are made of, in AWS's own normal form.

use std::fmt;
use std::str::FromStr;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use ipnet::{Ipv4Net, Ipv6Net};
use platctl_engine::Replace;
use serde::{Deserialize, Serialize};

macro_rules! string_ids {
    ($($(#[$meta:meta])* $name:ident),* $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<$name> for serde_json::Value {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }
    )*};
}

string_ids! {
    /// `vpc-…`
    VpcId,
    /// `subnet-…`
    SubnetId,
    /// `igw-…`
    InternetGatewayId,
    /// `eipalloc-…`
    AllocationId,
    /// `nat-…`
    NatGatewayId,
    /// `rtb-…`
    RouteTableId,
    /// `sg-…`
    SecurityGroupId,
    /// `sgr-…`
    SecurityGroupRuleId,
    /// `vpce-…`
    VpcEndpointId,
    /// `fl-…`
    FlowLogId,
    /// `arn:PARTITION:SERVICE:REGION:ACCOUNT:…`
    Arn,
    /// The name of an IAM role.
    RoleName,
    /// The id of a KMS key: a UUID or `mrk-…`.
    KeyId,
    /// The name of an S3 bucket.
    BucketName,
    /// The name of a log group.
    LogGroupName,
}

/// A name of the DNS in the form that all spellings of it share: lower case, without the dot at its end, and
/// with `*` as itself (Route 53 writes `\\052`).
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(from = "String")]
pub struct DnsName(String);

impl DnsName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for DnsName {
    fn from(text: &str) -> Self {
        let mut name = String::new();
        let mut rest = text.trim_end_matches('.');
        // Route 53 writes unusual characters as three octal digits.
        while let Some((before, after)) = rest.split_once('\\') {
            name.push_str(before);
            let code = after
                .get(..3)
                .and_then(|digits| u8::from_str_radix(digits, 8).ok());
            match code.filter(u8::is_ascii_graphic) {
                Some(code) => {
                    name.push(char::from(code));
                    rest = after.get(3..).unwrap_or_default();
                }
                None => {
                    name.push('\\');
                    rest = after;
                }
            }
        }
        name.push_str(rest);
        Self(name.to_lowercase())
    }
}

impl From<String> for DnsName {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A moment as its day in UTC: `2026-12-24`.
pub(crate) fn day(moment: &DateTime) -> Option<String> {
    let text = moment.fmt(Format::DateTime).ok()?;
    text.get(..10).map(ToOwned::to_owned)
}

/// The order of a replacement by something with another natural name, or the same: two of one name cannot exist.
pub(crate) fn unless_same<T: PartialEq>(live: &T, desired: &T) -> Replace {
    if live == desired {
        Replace::DeleteFirst
    } else {
        Replace::CreateFirst
    }
}

/// An IPv4 network. AWS clears the host bits, so reading one does too: `10.0.1.7/16` is `10.0.0.0/16`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr(pub Ipv4Net);

/// Why a text is no IPv4 network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an IPv4 network such as 10.10.0.0/16")]
pub struct BadCidr {
    text: String,
}

impl Cidr {
    /// Whether the two networks share an address.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.contains(&other.0.network()) || other.0.contains(&self.0.network())
    }
}

impl FromStr for Cidr {
    type Err = BadCidr;
    fn from_str(text: &str) -> Result<Self, BadCidr> {
        let network: Ipv4Net = text.parse().map_err(|_| BadCidr {
            text: text.to_owned(),
        })?;
        Ok(Self(network.trunc()))
    }
}

impl TryFrom<String> for Cidr {
    type Error = BadCidr;
    fn try_from(text: String) -> Result<Self, BadCidr> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> Self {
        cidr.to_string()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An IPv6 network as AWS writes it: without host bits, in lower case, with the longest run of zeros left out.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr6(pub Ipv6Net);

/// Why a text is no IPv6 network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an IPv6 network such as 2001:db8:1234:1a00::/56")]
pub struct BadCidr6 {
    text: String,
}

impl FromStr for Cidr6 {
    type Err = BadCidr6;
    fn from_str(text: &str) -> Result<Self, BadCidr6> {
        let network: Ipv6Net = text.parse().map_err(|_| BadCidr6 {
            text: text.to_owned(),
        })?;
        Ok(Self(network.trunc()))
    }
}

impl TryFrom<String> for Cidr6 {
    type Error = BadCidr6;
    fn try_from(text: String) -> Result<Self, BadCidr6> {
        text.parse()
    }
}

impl From<Cidr6> for String {
    fn from(cidr: Cidr6) -> Self {
        cidr.to_string()
    }
}

impl fmt::Display for Cidr6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_bits_are_cleared_as_aws_does() {
        assert_eq!(
            "100.68.0.18/18"
                .parse::<Cidr>()
                .map(|cidr| cidr.to_string()),
            Ok("100.68.0.0/18".into())
        );
        assert!("10.0.0.0".parse::<Cidr>().is_err());
        assert!("10.0.0.0/33".parse::<Cidr>().is_err());
    }

    #[test]
    fn ipv6_networks_have_one_spelling() {
        let spelled = |text: &str| text.parse::<Cidr6>().map(|cidr| cidr.to_string());
        assert_eq!(spelled("0:0:0:0:0:0:0:0/0"), Ok("::/0".into()));
        assert_eq!(
            spelled("2001:0DB8:0000:0000::1/64"),
            Ok("2001:db8::/64".into())
        );
        assert_eq!(
            spelled("2001:db8:0:1:0:0:0:0/56"),
            Ok("2001:db8::/56".into())
        );
        assert!(
            spelled("::").is_err() && spelled("10.0.0.0/8").is_err() && spelled("::/129").is_err()
        );
    }

    proptest::proptest! {
        /// What is written out reads back as the same network, in the same spelling.
        #[test]
        fn a_network_is_its_own_normal_form(
            address in proptest::prelude::any::<u128>(), length in 0_u8..=128,
        ) {
            let address = std::net::Ipv6Addr::from(address);
            let cidr: Cidr6 = format!("{address}/{length}").parse().unwrap();
            let groups = address.segments().map(|group| format!("{group:04X}")).join(":");
            proptest::prop_assert_eq!(format!("{groups}/{length}").parse::<Cidr6>(), Ok(cidr));
            proptest::prop_assert_eq!(cidr.to_string().parse::<Cidr6>(), Ok(cidr));
        }
    }

    #[test]
    fn all_spellings_of_a_name_are_one() {
        for text in ["*.Example.com.", "\\052.example.com", "*.example.com"] {
            assert_eq!(DnsName::from(text).as_str(), "*.example.com");
        }
        assert_eq!(DnsName::from("a\\9.b").as_str(), "a\\9.b");
    }

    #[test]
    fn networks_overlap_when_one_holds_the_other() {
        let cidr = |text: &str| text.parse::<Cidr>().unwrap();
        assert!(cidr("10.0.0.0/16").overlaps(&cidr("10.0.9.0/24")));
        assert!(!cidr("10.0.0.0/24").overlaps(&cidr("10.0.1.0/24")));
    }
}
