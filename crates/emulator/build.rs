//! Lists the files of our layer, so that the binary carries whatever is in its folder.

#![allow(clippy::print_stdout, reason = "this is how cargo is spoken to")]

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FOLDER: &str = "python/platctl_emulator";

fn main() -> io::Result<()> {
    let root =
        PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join(FOLDER);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let mut files = Vec::new();
    walk(&root, "", &mut files)?;
    // By name: the layer's own name is a digest of all of it, in this order.
    files.sort();
    let mut text = String::from("&[\n");
    // Not the whole path: two clones that share a target folder share this file too.
    for name in &files {
        writeln!(
            text,
            "    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?}))),",
            format!("/{FOLDER}/{name}")
        )
        .map_err(io::Error::other)?;
    }
    text.push_str("]\n");
    fs::write(out.join("layer.rs"), text)?;
    println!("cargo::rerun-if-changed={FOLDER}");
    Ok(())
}

/// All files of a folder and of those in it, by their names within the layer; without what Python leaves there.
fn walk(folder: &Path, above: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let name = format!("{above}{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            if !name.ends_with("__pycache__") {
                walk(&path, &format!("{name}/"), files)?;
            }
        } else if name.ends_with(".py") || name.ends_with(".yaml") {
            files.push(name);
        }
    }
    Ok(())
}
