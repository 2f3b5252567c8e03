//! The numbers that must not be called: the operator's file, and a file of ours with those who asked for it in a call.
//!
//! One number in E.164 a line; `#` begins a comment. Key types: [`DoNotCall`], [`Findings`]. Invariant: what was on the list stays on it
//! while a file cannot be read, and what a line with a mistake in it said before stays too; a bad line of our own file, such as a crash
//! leaves, hides no other. No number is in a log or an error.

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::twilio::phone::E164;

/// The list. Cheap to clone.
#[derive(Clone, Default)]
pub struct DoNotCall(Arc<Inside>);

#[derive(Default)]
struct Inside {
    /// Must be there; only read.
    operators: Option<PathBuf>,
    /// Need not be there; added to.
    ours: Option<PathBuf>,
    /// A number as its digits: a few million of them fit in memory.
    numbers: ArcSwap<HashSet<u64>>,
    /// Held while the list changes; lines of our file that could not be written yet.
    changing: Mutex<String>,
}

/// What is wrong with the files, each with file, line and reason, and without a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Somebody must mend it: a file that cannot be read, a bad line of the operator's.
    pub problems: Vec<String>,
    /// Lines of our own file that say no number; they are passed over.
    pub torn: Vec<String>,
}

impl DoNotCall {
    /// Reads both files; `ours` need not be there yet. Gives what is wrong with them beside the list.
    pub fn open(operators: Option<PathBuf>, ours: Option<PathBuf>) -> (Self, Findings) {
        let inside = Inside { operators, ours, numbers: ArcSwap::default(), changing: Mutex::default() };
        let findings = inside.read("");
        (Self(Arc::new(inside)), findings)
    }

    /// Whether this number must not be called.
    pub fn contains(&self, number: &E164) -> bool {
        self.0.numbers.load().contains(&digits(number))
    }

    /// How many numbers it has.
    pub fn len(&self) -> usize {
        self.0.numbers.load().len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads both files again. Where something is wrong with them, it is told, and no number is taken off the list.
    pub async fn read_again(&self) -> Findings {
        let list = self.clone();
        let unwritten = self.0.changing.lock().await;
        let lines = unwritten.clone();
        let findings = tokio::task::spawn_blocking(move || list.0.read(&lines)).await;
        drop(unwritten);
        findings.unwrap_or_default()
    }

    /// Puts a number on the list: at once in memory, then durably in our file.
    ///
    /// # Errors
    /// The file cannot be written; the number counts all the same, and is written with the next, or by [`Self::write_again`].
    pub async fn add(&self, number: &E164, why: &'static str) -> io::Result<()> {
        let mut unwritten = self.0.changing.lock().await;
        let mut numbers = HashSet::clone(&self.0.numbers.load());
        if !numbers.insert(digits(number)) {
            return Ok(());
        }
        self.0.numbers.store(Arc::new(numbers));
        unwritten.push_str(&format!("{} # {why}\n", number.as_str()));
        self.0.write(&mut unwritten).await
    }

    /// Writes what could not be written before, if there is anything.
    ///
    /// # Errors
    /// The file still cannot be written.
    pub async fn write_again(&self) -> io::Result<()> {
        let mut unwritten = self.0.changing.lock().await;
        self.0.write(&mut unwritten).await
    }
}

impl std::fmt::Debug for DoNotCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DoNotCall").field("numbers", &self.len()).finish_non_exhaustive()
    }
}

impl Inside {
    async fn write(&self, unwritten: &mut String) -> io::Result<()> {
        let Some(path) = self.ours.clone().filter(|_| !unwritten.is_empty()) else {
            // Where there is no file of ours they stay, for whoever reads the list again.
            return Ok(());
        };
        let lines = unwritten.clone();
        tokio::task::spawn_blocking(move || append(&path, &lines)).await.map_err(io::Error::other)??;
        unwritten.clear();
        Ok(())
    }

    /// Reads both files; the numbers of the lines that are in neither yet stay on the list.
    fn read(&self, unwritten: &str) -> Findings {
        let (mut numbers, mut findings) = (HashSet::new(), Findings::default());
        let unreadable = |path: &Path, error: &io::Error| format!("{}: {error}", path.display());
        if let Some(path) = &self.operators
            && let Err(error) = read(path, &mut numbers, &mut findings.problems)
        {
            findings.problems.push(unreadable(path, &error));
        }
        if let Some(path) = &self.ours
            && let Err(error) = read(path, &mut numbers, &mut findings.torn)
            && error.kind() != io::ErrorKind::NotFound
        {
            // Who asked not to be called must not be called because we cannot read it.
            findings.problems.push(unreadable(path, &error));
        }
        let not_yet = unwritten.lines().filter_map(|line| E164::parse(line.split('#').next()?.trim()).ok());
        numbers.extend(not_yet.map(|number| digits(&number)));
        if findings != Findings::default() {
            numbers.extend(self.numbers.load().iter());
        }
        self.numbers.store(Arc::new(numbers));
        findings
    }
}

fn read(path: &Path, numbers: &mut HashSet<u64>, problems: &mut Vec<String>) -> io::Result<()> {
    let file = fs::File::open(path)?;
    if file.metadata()?.len() > MAX_BYTES {
        return Err(io::Error::other("larger than a list can be"));
    }
    let mut wrong = 0;
    for (at, line) in BufReader::new(file.take(MAX_BYTES)).split(b'\n').enumerate() {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let text = line.trim_start_matches('\u{feff}').split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        match E164::parse(text) {
            Ok(number) => {
                numbers.insert(digits(&number));
            }
            Err(error) => {
                wrong += 1;
                if wrong <= MAX_TOLD {
                    problems.push(format!("{}:{}: {error}", path.display(), at + 1));
                }
            }
        }
    }
    if wrong > MAX_TOLD {
        problems.push(format!("{}: {} more lines are wrong", path.display(), wrong - MAX_TOLD));
    }
    Ok(())
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    // A number is personal data: nobody else on the machine needs it.
    let mut file = fs::OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let mut whole = String::new();
    let before = file.seek(SeekFrom::End(0))?;
    if before > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            whole.push('\n');
        }
    }
    whole.push_str(line);
    let written = file.write_all(whole.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // A full disk may have taken half of it, and half a number is another number.
        file.set_len(before).ok();
    }
    written
}

/// At most 15 digits: they fit.
fn digits(number: &E164) -> u64 {
    number.as_str().bytes().filter(u8::is_ascii_digit).fold(0, |digits, digit| digits * 10 + u64::from(digit - b'0'))
}

/// Some ten million lines.
const MAX_BYTES: u64 = 256 * 1024 * 1024;
/// Wrong lines of one file that are told one by one.
const MAX_TOLD: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> E164 {
        E164::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_read_and_comments_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        fs::write(&path, "\u{feff}+919876543210\r\n# +919876543211\n\n+1 (212) 555-0123 # asked on Monday\n").unwrap();
        let (list, findings) = DoNotCall::open(Some(path), None);
        assert_eq!(findings, Findings::default());
        assert_eq!(list.len(), 2);
        assert!(list.contains(&number("+919876543210")) && list.contains(&number("+12125550123")));
        assert!(!list.contains(&number("+919876543211")));
        assert!(!format!("{list:?}").contains("98765"));
    }

    #[tokio::test]
    async fn a_wrong_line_is_named_without_its_words_and_takes_nothing_off_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        fs::write(&path, "+919811143210\n+919811143211\n").unwrap();
        let (list, _) = DoNotCall::open(Some(path.clone()), None);
        fs::write(&path, "+919811143210\n9811143211\n+919811143212\n").unwrap();
        let Findings { problems, torn } = list.read_again().await;
        assert_eq!((problems.len(), torn.len()), (1, 0));
        assert!(problems[0].contains("list:2: ") && !problems[0].contains("98111"), "{problems:?}");
        assert_eq!(list.len(), 3);
        fs::remove_file(&path).unwrap();
        assert_eq!(list.read_again().await.problems.len(), 1);
        assert_eq!(list.len(), 3, "the file is gone, the list stays");
        fs::write(&path, "+919811143212\n").unwrap();
        assert_eq!(list.read_again().await, Findings::default());
        assert_eq!((list.len(), list.contains(&number("+919811143212"))), (1, true));
    }

    #[tokio::test]
    async fn who_asks_for_it_is_on_the_list_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join("ours");
        let (list, findings) = DoNotCall::open(None, Some(ours.clone()));
        assert!(findings == Findings::default() && list.is_empty(), "a list that is not there yet is an empty one");
        for _ in 0..2 {
            list.add(&number("+919876543210"), "asked for it in a call").await.unwrap();
        }
        assert!(list.contains(&number("+919876543210")));
        assert_eq!(fs::read_to_string(&ours).unwrap().lines().count(), 1);
        // Somebody left the last line unfinished.
        fs::write(&ours, "+919876543210").unwrap();
        list.add(&number("+919876543211"), "asked for it in a call").await.unwrap();
        let (list, findings) = DoNotCall::open(None, Some(ours));
        assert_eq!(findings, Findings::default());
        assert_eq!(list.len(), 2);
    }

    #[tokio::test]
    async fn a_number_that_could_not_be_written_counts_and_is_written_once_that_works() {
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join("not yet/ours");
        let (list, _) = DoNotCall::open(None, Some(ours.clone()));
        for one in ["+919876543210", "+919876543211"] {
            assert!(list.add(&number(one), "asked").await.is_err());
            assert!(list.contains(&number(one)));
        }
        assert!(list.write_again().await.is_err());
        // A file that is not there yet is no finding.
        assert_eq!(list.read_again().await, Findings::default());
        assert_eq!(list.len(), 2, "a reload takes nobody off who is in no file yet");
        fs::create_dir(folder.path().join("not yet")).unwrap();
        for _ in 0..2 {
            list.write_again().await.unwrap();
        }
        assert_eq!(fs::read_to_string(&ours).unwrap().lines().count(), 2);
    }

    #[tokio::test]
    async fn a_torn_line_of_ours_is_told_and_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join("ours");
        // A crash in the middle of a write, in the middle of the file and at its end; and what a broken disk makes of one.
        fs::write(
            &ours,
            b"+919876543210 # asked for it in a call\n+4477\n\0\0\0\n\xff\xfe\n+919876543211 # asked\n+91",
        )
        .unwrap();
        let (list, findings) = DoNotCall::open(None, Some(ours.clone()));
        assert!(findings.problems.is_empty(), "nothing that must stop a start: {findings:?}");
        assert_eq!(findings.torn.len(), 4);
        assert!(findings.torn[0].contains("ours:2: ") && !format!("{findings:?}").contains("4477"), "{findings:?}");
        assert_eq!(list.len(), 2);
        list.add(&number("+919876543212"), "asked for it in a call").await.unwrap();
        let (list, _) = DoNotCall::open(None, Some(ours.clone()));
        assert_eq!(list.len(), 3);
        // The whole file is another matter: nobody knows then who must not be called.
        fs::remove_file(&ours).unwrap();
        fs::create_dir(&ours).unwrap();
        assert_eq!(list.read_again().await.problems.len(), 1);
        assert_eq!(list.len(), 3);
    }
}
