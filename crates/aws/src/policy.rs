//! Policy documents, compared by what they mean.

use std::collections::BTreeSet;

use platctl_engine::Input;
use platctl_engine::input::is_expr;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// A policy document as it is written. Two are equal when they mean the same: they are compared in one normal form, to
/// which all spellings that AWS treats alike are brought.
///
/// Reads a JSON object, or JSON in a string, percent-encoded or not (IAM answers that way).
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Policy(Value);

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        normal(&self.0) == normal(&other.0)
    }
}

impl Policy {
    /// A policy from its document.
    #[must_use]
    pub fn new(document: &Value) -> Self {
        Self(document.clone())
    }

    /// A policy that a block declares. A policy document is no spec: it is written as JSON, in which references can stand.
    #[must_use]
    pub fn declared(document: Value) -> Input<Self> {
        if is_expr(&document) {
            Input::Expr(document)
        } else {
            Input::Value(Self(document))
        }
    }

    /// The document as text, as API calls take it, and as people write it: programs that look for a certain statement
    /// in the policies of an account do not all know that a list of one is the same as its only value.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut document = self.0.clone();
        for statement in document
            .get_mut("Statement")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            single(statement);
        }
        document.to_string()
    }

    /// Reads a document from the value of a field; none when it is no policy.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }

    /// Reads a document as an API call answers it; none when it is no JSON object.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(text)
            .or_else(|_| serde_json::from_str(&percent_decoded(text)))
            .ok()?;
        document.is_object().then(|| Self::new(&document))
    }
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => {
                Self::parse(&text).ok_or_else(|| D::Error::custom("must be a policy document"))
            }
            document @ Value::Object(_) => Ok(Self::new(&document)),
            _ => Err(D::Error::custom(
                "a policy document must be an object or a JSON string",
            )),
        }
    }
}

/// Lists of one become their only value.
fn single(value: &mut Value) {
    match value {
        Value::Array(list) if list.len() == 1 => *value = list.swap_remove(0),
        Value::Object(map) => map.values_mut().for_each(single),
        _ => {}
    }
}

/// RFC 3986, as IAM encodes.
fn percent_decoded(text: &str) -> String {
    let (bytes, mut decoded, mut at) = (text.as_bytes(), Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).filter(|_| byte == b'%');
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn normal(document: &Value) -> Value {
    let Some(document) = document.as_object() else {
        return document.clone();
    };
    let mut normal = Map::new();
    for (key, value) in sorted(document) {
        let value = match key.as_str() {
            "Statement" => Value::Array(list(value).iter().map(statement).collect()),
            _ => value.clone(),
        };
        normal.insert(key.clone(), value);
    }
    Value::Object(normal)
}

fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

fn list(value: &Value) -> Vec<Value> {
    value
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![value.clone()])
}

fn statement(statement: &Value) -> Value {
    let Some(map) = statement.as_object() else {
        return statement.clone();
    };
    let mut normal = Map::new();
    for (key, value) in sorted(map) {
        let value = match key.as_str() {
            "Sid" if value.as_str() == Some("") => continue,
            "Action" | "NotAction" => set(value, str::to_lowercase),
            "Resource" | "NotResource" => set(value, str::to_owned),
            "Principal" | "NotPrincipal" => principal(value),
            "Condition" => condition(value),
            _ => value.clone(),
        };
        normal.insert(key.clone(), value);
    }
    Value::Object(normal)
}

/// A scalar is a list of one, the order of a list says nothing, and numbers and booleans are text.
fn set(value: &Value, map: impl Fn(&str) -> String) -> Value {
    let text = |value: &Value| match value {
        Value::String(text) => map(text),
        other => other.to_string(),
    };
    let set: BTreeSet<String> = list(value).iter().map(text).collect();
    Value::Array(set.into_iter().map(Value::String).collect())
}

/// `"*"` is `{"AWS": "*"}`, and the ARN of an account's root, in whatever partition, is the account's number.
fn principal(value: &Value) -> Value {
    let everyone = Map::from_iter([("AWS".to_owned(), value.clone())]);
    let map = value.as_object().unwrap_or(&everyone);
    let account = |text: &str| match text.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "iam", "", account, "root"] => (*account).to_owned(),
        _ => text.to_owned(),
    };
    sorted(map)
        .into_iter()
        .map(|(key, value)| (key.clone(), set(value, account)))
        .collect()
}

/// Names of condition keys have no case.
fn condition(value: &Value) -> Value {
    let Some(operators) = value.as_object() else {
        return value.clone();
    };
    let keys = |keys: &Value| match keys.as_object() {
        Some(keys) => {
            let same =
                |(key, value): (&String, &Value)| (key.to_lowercase(), set(value, str::to_owned));
            sorted(keys).into_iter().map(same).collect()
        }
        None => keys.clone(),
    };
    sorted(operators)
        .into_iter()
        .map(|(operator, value)| (operator.clone(), keys(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::strategy::Strategy as _;
    use serde_json::json;

    #[test]
    fn a_declared_policy_is_known_unless_it_has_references() {
        let document = |arn: Value| json!({"Statement": [{"Effect": "Allow", "Resource": [arn]}]});
        let known = document(json!("arn:aws:s3:::a"));
        assert!(matches!(Policy::declared(known), Input::Value(_)));
        let later = document(json!({"$ref": "logs.bucket.arn"}));
        assert_eq!(Policy::declared(later.clone()), Input::Expr(later));
    }

    #[test]
    fn spellings_that_mean_the_same_are_equal() {
        let one = json!({"Version": "2012-10-17", "Statement": {
            "Sid": "", "Effect": "Allow", "Action": ["s3:GetObject", "s3:listbucket"], "Resource": "*",
            "Principal": {"AWS": "123456789012"}, "Condition": {"Bool": {"aws:SecureTransport": true}}}});
        let other = json!({"Statement": [{
            "Principal": {"AWS": ["arn:aws:iam::123456789012:root"]}, "Effect": "Allow", "Resource": ["*"],
            "Action": ["s3:ListBucket", "S3:GetObject"], "Condition": {"Bool": {"aws:SecureTransport": ["true"]}}}],
            "Version": "2012-10-17"});
        assert_eq!(Policy::new(&one), Policy::new(&other));
        assert_ne!(
            serde_json::to_value(Policy::new(&one)).unwrap()["Statement"]["Sid"],
            Value::Null
        );
        let star =
            |principal: Value| Policy::new(&json!({"Statement": [{"Principal": principal}]}));
        assert_eq!(star(json!("*")), star(json!({"AWS": "*"})));
    }

    #[test]
    fn the_root_of_an_account_is_the_account_in_every_partition() {
        let of = |principal: &str| {
            Policy::new(
                &json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}}]}),
            )
        };
        for partition in ["aws", "aws-cn", "aws-us-gov", "aws-eusc"] {
            assert_eq!(
                of("123456789012"),
                of(&format!("arn:{partition}:iam::123456789012:root"))
            );
        }
        assert_ne!(of("123456789012"), of("arn:aws:iam::123456789013:root"));
        assert_ne!(
            of("123456789012"),
            of("arn:aws:iam::123456789012:role/root")
        );
    }

    #[test]
    fn a_policy_is_sent_as_it_was_written() {
        let written = json!({"Statement": {"Action": "S3:GetObject", "Resource": ["b", "a"]}});
        let policy: Policy = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&policy.to_json()).unwrap(),
            written
        );
        assert_eq!(serde_json::to_value(&policy).unwrap(), written);
    }

    proptest::proptest! {
        /// The order of lists, a list of one, and the case of actions say nothing.
        #[test]
        fn spellings_do_not_matter(
            mut actions in proptest::collection::btree_set("[a-z]{1,3}:[A-Z][a-z]{1,4}", 1..4)
                .prop_map(|set| set.into_iter().collect::<Vec<String>>()),
        ) {
            let of = |actions: Value| Policy::new(&json!({"Statement": [{"Effect": "Allow", "Action": actions}]}));
            let first = of(json!(actions));
            if let [one] = actions.as_slice() {
                proptest::prop_assert_eq!(&first, &of(json!(one)));
            }
            actions.reverse();
            let shouted: Vec<_> = actions.iter().map(|action| action.to_uppercase()).collect();
            proptest::prop_assert_eq!(&first, &of(json!(actions)));
            proptest::prop_assert_eq!(&first, &of(json!(shouted)));
        }
    }

    #[test]
    fn what_means_something_else_differs() {
        let allow = |action: &str| {
            Policy::new(&json!({"Statement": [{"Effect": "Allow", "Action": action}]}))
        };
        assert_ne!(allow("s3:GetObject"), allow("s3:PutObject"));
    }

    #[test]
    fn is_written_as_people_write_it() {
        let deny = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*", "Resource": ["a", "b"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }]});
        let written: Value = serde_json::from_str(&Policy::new(&deny).to_json()).unwrap();
        assert_eq!(written, deny);
    }

    #[test]
    fn reads_what_iam_answers() {
        let policy = Policy::new(&json!({"Version": "2012-10-17", "Statement": []}));
        let encoded = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
        assert_eq!(Policy::parse(encoded), Some(policy.clone()));
        assert_eq!(
            serde_json::from_value::<Policy>(json!(policy.to_json())).unwrap(),
            policy
        );
        assert!(serde_json::from_value::<Policy>(json!("no JSON")).is_err());
    }
}
