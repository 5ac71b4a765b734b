//! Errors as they are on the wire, before the SDK has read them.

use platctl_engine::Class;

use crate::errors::classify;

/// Whether an error with this status and this code says that there were too many requests.
pub(crate) fn is_throttling(status: u16, code: Option<&str>) -> bool {
    classify("", code, "", status) == Class::Throttled
}

/// The request ID, which services return in one of two headers.
pub(crate) fn request_id<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
    header("x-amzn-requestid").or_else(|| header("x-amz-request-id"))
}

/// The error's code: in a header (JSON and CBOR), in `<Code>` (XML), or in `__type` or `code` (JSON).
pub(crate) fn code<'a>(header: impl Fn(&str) -> Option<&'a str>, body: &[u8]) -> Option<String> {
    // `Code:http://…` with REST-JSON, `Code;Sender` for services that once spoke the query protocol.
    let stated = header("x-amzn-query-error").or_else(|| header("x-amzn-errortype"));
    if let Some(stated) = stated {
        return bare(stated);
    }
    let text = std::str::from_utf8(body).ok()?.trim_start();
    if text.starts_with('<') {
        let (_, after) = text.split_once("<Code>")?;
        return bare(after.split_once("</Code>")?.0);
    }
    let said: serde_json::Value = serde_json::from_str(text).ok()?;
    bare(
        said.get("__type")
            .or_else(|| said.get("code"))
            .or_else(|| said.get("Code"))?
            .as_str()?,
    )
}

/// The code alone, without the namespace before it and what may follow it.
fn bare(stated: &str) -> Option<String> {
    let code = stated.split([':', ';']).next()?;
    let code = code.rsplit('#').next()?.trim();
    (!code.is_empty()).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is throttling, the status, headers, the body.
    type Case = (
        bool,
        u16,
        &'static [(&'static str, &'static str)],
        &'static str,
    );

    #[test]
    fn codes_are_found_wherever_a_protocol_puts_them() {
        let cases: &[Case] = &[
            (
                true,
                400,
                &[],
                "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>",
            ),
            (
                true,
                503,
                &[],
                "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code></Error>",
            ),
            (
                true,
                503,
                &[],
                "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>",
            ),
            (
                true,
                400,
                &[],
                r#"{"__type":"com.amazonaws.kms#ThrottlingException","message":"Rate exceeded"}"#,
            ),
            (
                true,
                400,
                &[(
                    "x-amzn-errortype",
                    "ThrottlingException:http://internal.amazon.com/",
                )],
                "{}",
            ),
            (
                true,
                400,
                &[("x-amzn-query-error", "Throttling;Sender")],
                "\u{1}",
            ),
            (true, 429, &[], ""),
            // A text that only speaks of throttling, and quotas that look like it.
            (
                false,
                400,
                &[],
                "<Error><Code>ValidationError</Code><Message>Throttling is no name</Message></Error>",
            ),
            (false, 400, &[], r#"{"__type":"LimitExceededException"}"#),
            (
                false,
                429,
                &[],
                "<ErrorResponse><Error><Code>PriorRequestNotComplete</Code></Error></ErrorResponse>",
            ),
            (false, 500, &[], "not at all what was expected"),
        ];
        for (expected, status, headers, body) in cases {
            let header = |name: &str| {
                headers
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| *value)
            };
            assert_eq!(
                is_throttling(*status, code(header, body.as_bytes()).as_deref()),
                *expected,
                "{status} {headers:?} {body}"
            );
        }
    }
}
