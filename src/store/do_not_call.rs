//! The numbers that must not be called: the operator's file, and a file of ours with those who asked for it in a call.
//!
//! One number in E.164 a line; `#` begins a comment. Key type: [`DoNotCall`]. Invariant: what was on the list stays on it while a file
//! cannot be read, and what a line with a mistake in it said before stays too. No number is in a log or an error.

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
    /// Held while the list changes.
    changing: Mutex<()>,
}

impl DoNotCall {
    /// Reads both files; `ours` need not be there yet. Gives what is wrong with them beside the list: file, line and reason.
    pub fn open(operators: Option<PathBuf>, ours: Option<PathBuf>) -> (Self, Vec<String>) {
        let inside = Inside { operators, ours, numbers: ArcSwap::default(), changing: Mutex::default() };
        let problems = inside.read();
        (Self(Arc::new(inside)), problems)
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
    pub async fn read_again(&self) -> Vec<String> {
        let list = self.clone();
        let changing = self.0.changing.lock().await;
        let problems = tokio::task::spawn_blocking(move || list.0.read()).await;
        drop(changing);
        problems.unwrap_or_default()
    }

    /// Puts a number on the list: at once in memory, then durably in our file.
    ///
    /// # Errors
    /// The file cannot be written; the number counts until we stop.
    pub async fn add(&self, number: &E164, why: &'static str) -> io::Result<()> {
        let _changing = self.0.changing.lock().await;
        let mut numbers = HashSet::clone(&self.0.numbers.load());
        if !numbers.insert(digits(number)) {
            return Ok(());
        }
        self.0.numbers.store(Arc::new(numbers));
        let Some(path) = self.0.ours.clone() else { return Ok(()) };
        let line = format!("{} # {why}\n", number.as_str());
        tokio::task::spawn_blocking(move || append(&path, &line)).await.map_err(io::Error::other)?
    }
}

impl std::fmt::Debug for DoNotCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DoNotCall").field("numbers", &self.len()).finish_non_exhaustive()
    }
}

impl Inside {
    fn read(&self) -> Vec<String> {
        let (mut numbers, mut problems) = (HashSet::new(), Vec::new());
        for (path, must_be_there) in
            self.operators.iter().map(|path| (path, true)).chain(self.ours.iter().map(|path| (path, false)))
        {
            match read(path, &mut numbers, &mut problems) {
                Err(error) if must_be_there || error.kind() != io::ErrorKind::NotFound => {
                    problems.push(format!("{}: {error}", path.display()));
                }
                Ok(()) | Err(_) => {}
            }
        }
        if !problems.is_empty() {
            numbers.extend(self.numbers.load().iter());
        }
        self.numbers.store(Arc::new(numbers));
        problems
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
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            whole.push('\n');
        }
    }
    whole.push_str(line);
    file.write_all(whole.as_bytes())?;
    file.sync_all()
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
        let (list, problems) = DoNotCall::open(Some(path), None);
        assert!(problems.is_empty(), "{problems:?}");
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
        let problems = list.read_again().await;
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("list:2: ") && !problems[0].contains("98111"), "{problems:?}");
        assert_eq!(list.len(), 3);
        fs::remove_file(&path).unwrap();
        assert_eq!(list.read_again().await.len(), 1);
        assert_eq!(list.len(), 3, "the file is gone, the list stays");
        fs::write(&path, "+919811143212\n").unwrap();
        assert!(list.read_again().await.is_empty());
        assert_eq!((list.len(), list.contains(&number("+919811143212"))), (1, true));
    }

    #[tokio::test]
    async fn who_asks_for_it_is_on_the_list_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join("ours");
        let (list, problems) = DoNotCall::open(None, Some(ours.clone()));
        assert!(problems.is_empty() && list.is_empty(), "a list that is not there yet is an empty one");
        for _ in 0..2 {
            list.add(&number("+919876543210"), "asked for it in a call").await.unwrap();
        }
        assert!(list.contains(&number("+919876543210")));
        assert_eq!(fs::read_to_string(&ours).unwrap().lines().count(), 1);
        // Somebody left the last line unfinished.
        fs::write(&ours, "+919876543210").unwrap();
        list.add(&number("+919876543211"), "asked for it in a call").await.unwrap();
        let (list, problems) = DoNotCall::open(None, Some(ours));
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(list.len(), 2);
    }
}
