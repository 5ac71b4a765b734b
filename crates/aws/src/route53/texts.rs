//! The values of TXT records: quoted on the wire, bare in a stack.

/// The longest text between one pair of quotes.
const CHUNK: usize = 255;

/// A text as Route 53 takes it: in quotes, at most 255 characters between them.
pub(super) fn quoted(text: &str) -> String {
    let mut chunks = vec![String::new()];
    let mut length = 0;
    for c in text.chars() {
        // Everything beyond ASCII counts and is written by its bytes.
        let mut buffer = [0; 4];
        let bytes = c.encode_utf8(&mut buffer).as_bytes();
        if length + bytes.len() > CHUNK {
            chunks.push(String::new());
            length = 0;
        }
        length += bytes.len();
        let Some(chunk) = chunks.last_mut() else {
            continue;
        };
        match c {
            '"' | '\\' => chunk.extend(['\\', c]),
            ' '..='~' => chunk.push(c),
            _ => chunk.extend(bytes.iter().map(|byte| format!("\\{byte:03o}"))),
        }
    }
    chunks
        .iter()
        .map(|chunk| format!("\"{chunk}\""))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The bare text.
pub(crate) fn unquoted(value: &str) -> String {
    let (mut text, mut inside) = (Vec::new(), false);
    let mut rest = value.as_bytes().iter();
    while let Some(byte) = rest.next().copied() {
        match byte {
            b'"' => inside = !inside,
            b'\\' => {
                let digits = rest
                    .as_slice()
                    .get(..3)
                    .and_then(|digits| std::str::from_utf8(digits).ok());
                match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
                    Some(code) => {
                        text.push(code);
                        rest.nth(2);
                    }
                    None => text.extend(rest.next().copied()),
                }
            }
            byte if inside || byte != b' ' => text.push(byte),
            _ => {}
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_survive_the_way_there_and_back() {
        let long = "k".repeat(600);
        for text in ["v=spf1 -all", "a \"quoted\" \\ word", "Grüße", "", &long] {
            assert_eq!(unquoted(&quoted(text)), text);
        }
        assert_eq!(quoted(&long).matches('"').count(), 6);
        assert_eq!(quoted("v=spf1 -all"), "\"v=spf1 -all\"");
    }
}
