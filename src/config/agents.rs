//! The folder of agent files, read. What a file says is checked by [`crate::agent`]; here it is only found and read.

use std::path::Path;

use crate::agent::{self, Agent};

/// What a folder of agent files holds.
#[derive(Debug, Default)]
pub struct Folder {
    /// Agents that can be used, by file name.
    pub agents: Vec<Agent>,
    /// What is wrong with the others: file, line, key and reason.
    pub problems: Vec<String>,
}

/// Reads every `*.toml` of a folder. A folder without a good agent is a problem too.
pub fn read(folder: &Path) -> Folder {
    let mut found = Folder::default();
    let mut files: Vec<_> = match std::fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) => {
            found.problems.push(format!("AGENTS_DIR: {}: {error}", folder.display()));
            return found;
        }
    };
    // Editors leave copies and locks with a dot in front.
    let is_agent = |name: &str| name.ends_with(".toml") && !name.starts_with('.');
    files.retain(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_agent));
    files.sort();
    for path in files {
        let name = path.display().to_string();
        let parsed = match read_bounded(&path) {
            Ok(source) => agent::parse(&name, &source).map_err(|error| error.to_string()),
            Err(error) => Err(format!("{name}: {error}")),
        };
        match parsed {
            Ok(agent) if found.agents.iter().any(|other| other.agent_type == agent.agent_type) => {
                found.problems.push(format!("{name}: agent_type {} is in another file too", agent.agent_type));
            }
            Ok(agent) => found.agents.push(agent),
            Err(problem) => found.problems.push(problem),
        }
    }
    if found.agents.is_empty() && found.problems.is_empty() {
        found.problems.push(format!("AGENTS_DIR: {}: no agent file (*.toml) in it", folder.display()));
    }
    found
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > MAX_FILE_BYTES {
        return Err(std::io::Error::other("larger than an agent file can be"));
    }
    std::fs::read_to_string(path)
}

const MAX_FILE_BYTES: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_is_named_and_the_good_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let good = include_str!("../../agents/logistics.toml");
        std::fs::write(folder.path().join("a.toml"), good).unwrap();
        std::fs::write(folder.path().join("b.toml"), "agent_typ = 1").unwrap();
        std::fs::write(folder.path().join("c.toml"), good).unwrap();
        std::fs::write(folder.path().join(".d.toml"), "x").unwrap();
        std::fs::write(folder.path().join("e.toml~"), "x").unwrap();
        let found = read(folder.path());
        assert_eq!(found.agents.len(), 1);
        assert_eq!(found.problems.len(), 2, "{:?}", found.problems);
        assert!(
            found.problems[0].contains("b.toml") && found.problems[1].contains("LOGISTICS"),
            "{:?}",
            found.problems
        );
    }

    #[test]
    fn an_empty_or_missing_folder_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).problems[0].starts_with("AGENTS_DIR"));
        assert!(read(&folder.path().join("gone")).problems[0].starts_with("AGENTS_DIR"));
    }
}
