//! The folder of agent files: read, read again when it changes, and the last good version of each file kept.
//!
//! What a file says is checked by [`crate::agent`]; here it is only found and read. Key types: [`Folder`], [`Changes`].

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::agent::{self, Agent};

/// What a folder of agent files holds.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    files: BTreeMap<PathBuf, File>,
    problems: Vec<String>,
}

#[derive(Debug)]
struct File {
    source: String,
    agent: Agent,
}

impl Folder {
    /// Reads every `*.toml` of a folder.
    pub fn read(path: impl Into<PathBuf>) -> Self {
        let mut folder = Self { path: path.into(), files: BTreeMap::new(), problems: Vec::new() };
        folder.read_again();
        folder
    }

    /// Reads the folder again, and says whether the agents are others now. A file that has gone bad keeps its last good version;
    /// a folder that cannot be read changes nothing.
    pub fn read_again(&mut self) -> bool {
        self.problems.clear();
        let paths = match agent_files(&self.path) {
            Ok(paths) => paths,
            Err(error) => {
                self.problems.push(format!("AGENTS_DIR: {}: {error}", self.path.display()));
                return false;
            }
        };
        let mut before = std::mem::take(&mut self.files);
        let mut changed = false;
        for path in paths {
            let old = before.remove(&path);
            match self.file(&path) {
                Ok(new) => {
                    changed |= old.is_none_or(|old| old.source != new.source);
                    self.files.insert(path, new);
                }
                Err(problem) => {
                    self.problems.push(problem);
                    self.files.extend(old.map(|old| (path, old)));
                }
            }
        }
        if self.files.is_empty() && self.problems.is_empty() {
            self.problems.push(format!("AGENTS_DIR: {}: no agent file (*.toml) in it", self.path.display()));
        }
        changed || !before.is_empty()
    }

    /// The agents that can be used, by file name.
    pub fn agents(&self) -> Vec<Agent> {
        self.files.values().map(|file| file.agent.clone()).collect()
    }

    /// What is wrong with the files as they are now: file, line, key and reason.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    fn file(&self, path: &Path) -> Result<File, String> {
        let name = path.display().to_string();
        let source = read_bounded(path).map_err(|error| format!("{name}: {error}"))?;
        let agent = agent::parse(&name, &source).map_err(|error| error.to_string())?;
        match self.files.iter().find(|(_, file)| file.agent.agent_type == agent.agent_type) {
            None => Ok(File { source, agent }),
            Some((other, _)) => {
                Err(format!("{name}: agent_type {} is that of {} already", agent.agent_type, other.display()))
            }
        }
    }
}

/// Tells when a folder has changed. Network file systems may tell nothing; SIGHUP is there for them.
pub struct Changes {
    told: mpsc::Receiver<()>,
    /// A change was told, and the wait for the rest of it was cut short.
    unsettled: bool,
    _watcher: notify::RecommendedWatcher,
}

impl Changes {
    /// Watches a folder.
    ///
    /// # Errors
    /// The folder is gone, or the system has no more watches to give.
    pub fn watch(folder: &Path) -> notify::Result<Self> {
        Self::of(folder, |_| true)
    }

    /// Watches one file, also while it is not there or another takes its place; its folder must be there.
    ///
    /// # Errors
    /// The folder is gone, or the system has no more watches to give.
    pub fn watch_file(path: &Path) -> notify::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let name = path.file_name().map(ToOwned::to_owned);
        Self::of(folder, move |path| path.file_name() == name.as_deref())
    }

    fn of(folder: &Path, wanted: impl Fn(&Path) -> bool + Send + 'static) -> notify::Result<Self> {
        let (tell, told) = mpsc::channel(1);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Our own reading is an event too. A full channel holds the news already.
            let news = event.is_ok_and(|event| {
                (event.kind.is_create() || event.kind.is_modify() || event.kind.is_remove())
                    && event.paths.iter().any(|path| wanted(path))
            });
            if news {
                tell.try_send(()).ok();
            }
        })?;
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(Self { told, unsettled: false, _watcher: watcher })
    }

    /// Waits for a change, and then until an editor will have written the rest of it. Dropped before it is done, it loses nothing.
    pub async fn next(&mut self) {
        if !self.unsettled {
            if self.told.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
            self.unsettled = true;
        }
        tokio::time::sleep(SETTLE).await;
        self.told.try_recv().ok();
        self.unsettled = false;
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Changes")
    }
}

fn agent_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    // Editors leave copies and locks with a dot in front.
    let is_agent = |name: &str| name.ends_with(".toml") && !name.starts_with('.');
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().and_then(|name| name.to_str()).is_some_and(is_agent) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_bounded(path: &Path) -> io::Result<String> {
    if std::fs::metadata(path)?.len() > MAX_FILE_BYTES {
        return Err(io::Error::other("larger than an agent file can be"));
    }
    std::fs::read_to_string(path)
}

const MAX_FILE_BYTES: u64 = 1024 * 1024;
const SETTLE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../agents/logistics.toml");

    fn write(folder: &tempfile::TempDir, name: &str, text: &str) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }

    #[test]
    fn a_bad_file_is_named_and_the_good_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, "a.toml", GOOD);
        write(&folder, "b.toml", "agent_typ = 1");
        write(&folder, "c.toml", GOOD);
        write(&folder, ".d.toml", "x");
        write(&folder, "e.toml~", "x");
        let found = Folder::read(folder.path());
        assert_eq!(found.agents().len(), 1);
        let problems = found.problems();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("b.toml:1: ") && problems[1].contains("LOGISTICS"), "{problems:?}");
    }

    #[test]
    fn an_empty_or_missing_folder_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Folder::read(folder.path()).problems()[0].starts_with("AGENTS_DIR"));
        assert!(Folder::read(folder.path().join("gone")).problems()[0].starts_with("AGENTS_DIR"));
    }

    #[test]
    fn a_bad_new_version_leaves_the_old_one_in_force() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, "a.toml", GOOD);
        let mut found = Folder::read(folder.path());
        assert!(!found.read_again(), "nothing is new");
        write(&folder, "a.toml", &GOOD.replace("agent_type", "agent_typo"));
        assert!(!found.read_again());
        assert_eq!((found.agents().len(), found.problems().len()), (1, 1));
        write(&folder, "a.toml", &GOOD.replace("LOGISTICS", "FREIGHT"));
        assert!(found.read_again());
        assert_eq!(found.agents()[0].agent_type, "FREIGHT");
        assert!(found.problems().is_empty());
        write(&folder, "b.toml", GOOD);
        std::fs::remove_file(folder.path().join("a.toml")).unwrap();
        assert!(found.read_again());
        assert_eq!(found.agents()[0].agent_type, "LOGISTICS");
        drop(folder);
        assert!(!found.read_again());
        assert_eq!((found.agents().len(), found.problems().len()), (1, 1), "the folder is gone, the agents stay");
    }

    #[tokio::test]
    async fn a_change_of_the_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut changes = Changes::watch(folder.path()).unwrap();
        write(&folder, "a.toml", GOOD);
        while !changes.unsettled {
            tokio::select! { biased; () = changes.next() => {}, () = tokio::task::yield_now() => {} }
        }
        changes.next().await;
        assert_eq!(Folder::read(folder.path()).agents().len(), 1);
    }

    #[tokio::test]
    async fn a_change_of_a_watched_file_is_told_and_of_others_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut changes = Changes::watch_file(&folder.path().join("list")).unwrap();
        write(&folder, "other", "x");
        write(&folder, "list", "+919876543210");
        while !changes.unsettled {
            tokio::select! { biased; () = changes.next() => {}, () = tokio::task::yield_now() => {} }
        }
        let mut of_others = Changes::watch_file(&folder.path().join("gone")).unwrap();
        write(&folder, "list", "");
        changes.next().await;
        assert!(of_others.told.try_recv().is_err());
    }
}
