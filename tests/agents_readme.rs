//! `agents/README.md` explains every key that an agent's file may have.

use std::fs;
use std::path::Path;

#[test]
fn every_key_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("agents/README.md")).expect("the page");
    let mut keys = 0;
    for file in ["mod.rs", "calling.rs", "field.rs", "text.rs"] {
        let source = fs::read_to_string(root.join("src/agent").join(file)).expect("a source file");
        for line in source.lines().take_while(|line| !line.starts_with("#[cfg(test)]")) {
            let name = line.strip_prefix("    pub ").and_then(|rest| rest.split_once(": ")).map(|(name, _)| name);
            if let Some(name) = name.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')) {
                assert!(readme.contains(&format!("`{name}`")), "agents/README.md does not explain {name} ({file})");
                keys += 1;
            }
        }
    }
    assert!(keys > 45, "only {keys} keys were found in the source");
}

#[test]
fn every_kind_is_explained() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("agents/README.md")).expect("the page");
    for kind in ["money", "time_window", "date", "number", "yes_no", "choice", "phone", "text"] {
        assert!(readme.contains(&format!("| `{kind}` |")), "{kind}");
    }
}
