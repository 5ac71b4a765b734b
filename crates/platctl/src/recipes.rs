//! The commands in the documentation and in the files below `examples`: platctl reads each of them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::examples::command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files in a folder and below it that end in this.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// What stands in the blocks of code of a page.
fn code(page: &str) -> String {
    let (mut inside, mut lines) = (false, Vec::new());
    for line in page.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if inside {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// The commands of a script, each as it is typed after `platctl`.
fn commands(script: &str) -> Vec<String> {
    let script = script.replace("\\\n", " ");
    let typed = script.lines().filter_map(|line| {
        let mut line = line.trim();
        for start in ["- ", "run: ", "script: ", "$ ", "time ", "./"] {
            line = line.strip_prefix(start).unwrap_or(line);
        }
        line.strip_prefix("platctl ")
    });
    let ends = [" #", " |", " &&", " >", " <", " ;"];
    let alone = |line: &str| {
        let end = ends.iter().filter_map(|end| line.find(end)).min();
        line.get(..end.unwrap_or(line.len()))
            .unwrap_or_default()
            .to_owned()
    };
    typed.map(|line| alone(&filled(line))).collect()
}

/// The line with a number in place of each expression of a workflow.
fn filled(line: &str) -> String {
    let mut parts = line.split("${{");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push('1');
        text.push_str(part.split_once("}}").map_or("", |(_, rest)| rest));
    }
    text
}

fn faults(file: &Path, script: &str) -> Vec<String> {
    let fault = |line: String| {
        let words = line
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '\'']).to_owned());
        let typed = std::iter::once("platctl".to_owned()).chain(words);
        let error = command().try_get_matches_from(typed).err()?;
        Some(format!("{}: platctl {line}: {error}", file.display()))
    };
    commands(script).into_iter().filter_map(fault).collect()
}

#[test]
fn commands_are_found_in_scripts_and_workflows() {
    let script = "$ platctl list # all\n  - run: platctl destroy pr-${{ github.event.number }} --yes\nplatctl plan \\\n  a.yaml | tee log\nnot platctl x";
    assert_eq!(
        commands(script),
        ["list", "destroy pr-1 --yes", "plan    a.yaml"]
    );
    assert_eq!(code("a\n```sh\nb\n```\nc"), "b");
    let wrong = faults(Path::new("page"), "platctl apply a.yaml --no-such-flag");
    assert_eq!(wrong.len(), 1, "{wrong:?}");
}

#[test]
fn every_command_in_the_documentation_exists() {
    let mut pages = files(&root().join("docs"), ".md");
    pages.push(root().join("README.md"));
    let mut wrong = Vec::new();
    for page in pages {
        wrong.extend(faults(&page, &code(&fs::read_to_string(&page).unwrap())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_recipe_is_yaml_and_has_commands_that_exist() {
    let recipes = files(&root().join("examples"), ".yml");
    assert!(recipes.len() >= 3, "{recipes:?}");
    for recipe in recipes {
        let text = fs::read_to_string(&recipe).unwrap();
        serde_yaml::from_str::<serde_json::Value>(&text).unwrap();
        let found = commands(&text);
        for word in ["apply ", "destroy "] {
            let has = found.iter().any(|line| line.starts_with(word));
            assert!(has, "{} has no {word}", recipe.display());
        }
        let wrong = faults(&recipe, &text);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
