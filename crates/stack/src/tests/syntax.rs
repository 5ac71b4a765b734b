//! What is no YAML, or no YAML that a stack file may be.

use insta::assert_snapshot;

use super::wrong;

#[test]
fn files_that_are_no_stack() {
    assert_snapshot!(wrong(""), @"
    × the stack file is empty
     ╭─[stack.yaml:1:1]
     ╰────
    help: the smallest one is `stack: NAME` and a block such as `network: {}`
    ");
    assert_snapshot!(wrong("- a\n- b"), @"
     × a stack file is a map of keys and values
      ╭─[stack.yaml:1:1]
    1 │ - a
      · ▲
      · ╰── this is something else
    2 │ - b
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\n---\nstack: staging"), @"
     × a stack file is one YAML document
      ╭─[stack.yaml:2:1]
    1 │ stack: prod
    2 │ ---
      · ─┬─
      ·  ╰── another one begins here
    3 │ stack: staging
      ╰────
     help: put the other stack into a file of its own
    ");
}

#[test]
fn broken_syntax() {
    assert_snapshot!(wrong("stack: prod\ntags: {owner: platform-team"), @"
     × this is not YAML: unclosed bracket '{'
      ╭─[stack.yaml:2:7]
    1 │ stack: prod
    2 │ tags: {owner: platform-team
      ·       ┬
      ·       ╰── here
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\n\tregion: x"), @"
     × this is not YAML: while scanning a plain scalar, found a tab
      ╭─[stack.yaml:1:8]
    1 │ stack: prod
      ·        ┬
      ·        ╰── here
    2 │     region: x
      ╰────
     help: indent with spaces: YAML does not allow tabs
    ");
    assert_snapshot!(wrong("stack: prod\ntags: *shared"), @"
     × this is not YAML: alias references unknown anchor
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
     × `stack` stands twice in the same map
      ╭─[stack.yaml:2:1]
    1 │ stack: prod
    2 │ stack: staging
      · ──┬──
      ·   ╰── the second one
      ╰────
     help: remove one of the two
    ");
}

#[test]
fn a_bomb_of_aliases_does_not_go_off() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (last, next) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        bomb.push_str(&format!("{next}: &{next} [{}]\n", vec![format!("*{last}"); 10].join(", ")));
    }
    assert_snapshot!(wrong(&bomb), @"
     × aliases repeat too much: the document would become too large
      ╭─[stack.yaml:4:36]
    3 │ c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
    4 │ d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
      ·                                    ─┬
      ·                                     ╰── one too many here
    5 │ e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
      ╰────
     help: write out what is repeated, or declare fewer aliases
    ");
}

#[test]
fn too_deep_and_too_large() {
    assert_snapshot!(wrong(&format!("stack: prod\ntags: {}{}", "[".repeat(30), "]".repeat(30))), @"
     × more than 24 levels within each other
      ╭─[stack.yaml:2:30]
    1 │ stack: prod
    2 │ tags: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
      ·                              ┬
      ·                              ╰── here
      ╰────
    ");
    let large = wrong(&"#".repeat(2_000_000));
    assert_eq!(large.trim(), "× a stack file has at most 1048576 bytes; this one has more");
}

#[test]
fn control_characters_never_reach_the_terminal() {
    assert_snapshot!(wrong("stack: prod\ntags: {owner: \"\\e[31mred\"}"), @r#"
     × the control character \u{1b} cannot stand in a stack file
      ╭─[stack.yaml:2:15]
    1 │ stack: prod
    2 │ tags: {owner: "\e[31mred"}
      ·               ─────┬─────
      ·                    ╰── in here
      ╰────
     help: remove it: no name, tag or text in AWS can hold one
    "#);
    assert_snapshot!(wrong("stack: prod\ntags: {owner: \u{1b}[31mred}"), @r"
     × this is not YAML: unexpected character: `\u{1b}'
      ╭─[stack.yaml:2:15]
    1 │ stack: prod
    2 │ tags: {owner: ?[31mred}
      ·               ┬
      ·               ╰── here
      ╰────
    ");
    assert_snapshot!(wrong("stack: prod\n\"a\\u202eb\": 1"), @r#"
     × the control character \u{202e} cannot stand in a stack file
      ╭─[stack.yaml:2:1]
    1 │ stack: prod
    2 │ "a\u202eb": 1
      · ─────┬────
      ·      ╰── in here
      ╰────
     help: remove it: no name, tag or text in AWS can hold one
    "#);
    // A sound file whose name is not: it is shown, but never raw.
    let errors =
        crate::load_text("\u{1b}[2J.yaml", "stack: 3", &crate::Overrides::default(), &|_| None).unwrap_err();
    assert_snapshot!(super::render(&errors), @r"
     × expected a string, found the number 3
      ╭─[\u{1b}[2J.yaml:1:8]
    1 │ stack: 3
      ·        ┬
      ·        ╰── this is the number 3
      ╰────
     help: put it in quotes to make it a string
    ");
}
