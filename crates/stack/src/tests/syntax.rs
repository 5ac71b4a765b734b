//! What is no YAML, or no YAML that a stack file may be.

use insta::assert_snapshot;

use super::wrong;

#[test]
fn files_that_are_no_stack() {
    assert_snapshot!(wrong(""), @"
    × the stack file is empty
     ╭─[stack.yaml:1:1]
     ╰────
    help: add at least `stack: NAME` and a block such as `network: {}`
    ");
    assert_snapshot!(wrong("- a\n- b"), @"
     × a stack file must be a map of keys and values
      ╭─[stack.yaml:1:1]
    1 │ - a
      · ▲
      · ╰── not a map
    2 │ - b
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\n---\nstack: staging"), @"
     × a stack file must contain only one YAML document
      ╭─[stack.yaml:2:1]
    1 │ stack: prod
    2 │ ---
      · ─┬─
      ·  ╰── a second document begins here
    3 │ stack: staging
      ╰────
     help: move the other stack to a separate file
    ");
}

#[test]
fn broken_syntax() {
    assert_snapshot!(wrong("stack: prod\ntags: {owner: platform-team"), @"
     × invalid YAML: unclosed bracket '{'
      ╭─[stack.yaml:2:7]
    1 │ stack: prod
    2 │ tags: {owner: platform-team
      ·       ┬
      ·       ╰── here
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\n\tregion: x"), @"
     × invalid YAML: while scanning a plain scalar, found a tab
      ╭─[stack.yaml:1:8]
    1 │ stack: prod
      ·        ┬
      ·        ╰── here
    2 │     region: x
      ╰────
     help: use spaces for indentation: YAML does not allow tabs
    ");
    assert_snapshot!(wrong("stack: prod\ntags: *shared"), @"
     × invalid YAML: alias references unknown anchor
      ╭─[stack.yaml:2:7]
    1 │ stack: prod
    2 │ tags: *shared
      ·       ┬
      ·       ╰── here
      ╰────
    ");
}

#[test]
fn a_key_twice() {
    assert_snapshot!(wrong("stack: prod\nstack: staging"), @"
     × duplicate key `stack`
      ╭─[stack.yaml:2:1]
    1 │ stack: prod
    2 │ stack: staging
      · ──┬──
      ·   ╰── second entry
      ╰────
     help: remove one of them
    ");
}

#[test]
fn a_bomb_of_aliases_does_not_go_off() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (last, next) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        bomb.push_str(&format!(
            "{next}: &{next} [{}]\n",
            vec![format!("*{last}"); 10].join(", ")
        ));
    }
    assert_snapshot!(wrong(&bomb), @"
     × too many YAML aliases: the expanded document would be too large
      ╭─[stack.yaml:4:36]
    3 │ c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
    4 │ d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
      ·                                    ─┬
      ·                                     ╰── limit exceeded here
    5 │ e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
      ╰────
     help: use fewer aliases
    ");
}

#[test]
fn too_deep_and_too_large() {
    assert_snapshot!(wrong(&format!("stack: prod\ntags: {}{}", "[".repeat(30), "]".repeat(30))), @"
     × more than 24 levels of nesting
      ╭─[stack.yaml:2:30]
    1 │ stack: prod
    2 │ tags: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
      ·                              ┬
      ·                              ╰── here
      ╰────
    ");
    let large = wrong(&"#".repeat(2_000_000));
    assert_eq!(
        large.trim(),
        "× the stack file is larger than 1048576 bytes"
    );
}

#[test]
fn control_characters_never_reach_the_terminal() {
    assert_snapshot!(wrong("stack: prod\ntags: {owner: \"\\e[31mred\"}"), @r#"
     × the control character \u{1b} is not allowed in a stack file
      ╭─[stack.yaml:2:15]
    1 │ stack: prod
    2 │ tags: {owner: "\e[31mred"}
      ·               ─────┬─────
      ·                    ╰── found here
      ╰────
     help: remove it: AWS does not allow control characters in names, tags or text
    "#);
    assert_snapshot!(wrong("stack: prod\ntags: {owner: \u{1b}[31mred}"), @r"
     × invalid YAML: unexpected character: `\u{1b}'
      ╭─[stack.yaml:2:15]
    1 │ stack: prod
    2 │ tags: {owner: ?[31mred}
      ·               ┬
      ·               ╰── here
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\n\"a\\u202eb\": 1"), @r#"
     × the control character \u{202e} is not allowed in a stack file
      ╭─[stack.yaml:2:1]
    1 │ stack: prod
    2 │ "a\u202eb": 1
      · ─────┬────
      ·      ╰── found here
      ╰────
     help: remove it: AWS does not allow control characters in names, tags or text
    "#);
    // A sound file whose name is not: it is shown, but never raw.
    let errors = crate::load_text(
        "\u{1b}[2J.yaml",
        "stack: 3",
        &crate::Overrides::default(),
        &|_| None,
    )
    .unwrap_err();
    assert_snapshot!(super::render(&errors), @r"
     × expected a string, found the number 3
      ╭─[\u{1b}[2J.yaml:1:8]
    1 │ stack: 3
      ·        ┬
      ·        ╰── this is the number 3
      ╰────
     help: put the value in quotes to make it a string
    ");
}
