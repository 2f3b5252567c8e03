//! Journals that were corrupt and set aside: what could be read of them was taken over, and they hold what people said all the same.
//!
//! So one goes when a call is deleted whose name stands in it, and, where calls are deleted by age, once it is that old itself.
//! Blocking. Invariant: only files under the name of a journal set aside are touched, always with their logs.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{file, sql};
use crate::twilio::CallSid;

/// Removes every set-aside journal of the folder that names a call with one of these hashes. How many.
pub(in crate::store) fn remove_naming(dir: &Path, hashes: &HashSet<Vec<u8>>) -> io::Result<usize> {
    remove(dir, |_, files| {
        for file in files {
            if names_one_of(File::open(file)?, hashes)? {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// Removes every journal of the folder that was set aside before this moment. How many.
pub(in crate::store) fn expire(dir: &Path, before: Timestamp) -> io::Result<usize> {
    remove(dir, |set_aside_ms, _| Ok(set_aside_ms < before.as_millisecond()))
}

fn remove(dir: &Path, goes: impl Fn(i64, &[PathBuf]) -> io::Result<bool>) -> io::Result<usize> {
    let mut removed = 0;
    for (set_aside_ms, files) in all(dir)? {
        if !goes(set_aside_ms, &files)? {
            continue;
        }
        for file in &files {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        removed += 1;
    }
    Ok(removed)
}

/// When each was set aside, in Unix milliseconds, and its files.
fn all(dir: &Path) -> io::Result<BTreeMap<i64, Vec<PathBuf>>> {
    let mut all: BTreeMap<i64, Vec<PathBuf>> = BTreeMap::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(all),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let stamp = name.to_str().and_then(|name| name.strip_prefix(file::SET_ASIDE)).map(|rest| {
            let rest = rest.strip_suffix("-wal").or_else(|| rest.strip_suffix("-shm")).unwrap_or(rest);
            rest.parse::<i64>()
        });
        if let Some(Ok(set_aside_ms)) = stamp
            && entry.file_type()?.is_file()
        {
            all.entry(set_aside_ms).or_default().push(entry.path());
        }
    }
    Ok(all)
}

/// Whether somewhere in these bytes stands the name of a call with one of these hashes.
fn names_one_of(mut file: impl Read, hashes: &HashSet<Vec<u8>>) -> io::Result<bool> {
    let mut window = Vec::with_capacity(CHUNK + NAME);
    let mut last = String::new();
    loop {
        let kept = window.len().min(NAME - 1);
        window.drain(..window.len() - kept);
        if file.by_ref().take(CHUNK as u64).read_to_end(&mut window)? == 0 {
            return Ok(false);
        }
        for at in 0..(window.len() + 1).saturating_sub(NAME) {
            if window[at] != b'C' || window[at + 1] != b'A' {
                continue;
            }
            let name = &window[at..at + NAME];
            if !name[2..].iter().all(u8::is_ascii_hexdigit) {
                continue;
            }
            let name = String::from_utf8_lossy(name);
            // A call's name stands next to itself in many places.
            if name != last {
                if CallSid::parse(&name).is_ok_and(|call_sid| hashes.contains(&sql::hash(&call_sid))) {
                    return Ok(true);
                }
                last = name.into_owned();
            }
        }
    }
}

const CHUNK: usize = 1 << 20;
/// `CA` and 32 hexadecimal digits.
const NAME: usize = 34;

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(name: &str) -> HashSet<Vec<u8>> {
        HashSet::from([sql::hash(&CallSid::parse(name).unwrap())])
    }

    #[test]
    fn a_name_is_found_wherever_it_stands() {
        let (one, two) = (format!("CA{:032x}", 1), format!("CA{:032x}", 2));
        for before in [0, 1, CHUNK - 35, CHUNK - 34, CHUNK - 17, CHUNK - 1, CHUNK, 2 * CHUNK - 40] {
            let mut bytes = vec![b'C'; before];
            bytes.extend_from_slice(one.as_bytes());
            assert!(names_one_of(&bytes[..], &hashes(&one)).unwrap(), "{before}");
            assert!(!names_one_of(&bytes[..], &hashes(&two)).unwrap(), "{before}");
            bytes.pop();
            assert!(!names_one_of(&bytes[..], &hashes(&one)).unwrap(), "{before}");
        }
    }

    #[test]
    fn one_goes_with_its_logs_when_a_call_in_it_is_deleted_or_its_time_is_up_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (format!("CA{:032x}", 1), format!("CA{:032x}", 2));
        let write = |name: &str, words: &str| fs::write(folder.path().join(name), words).unwrap();
        write("trunkline.sqlite.corrupt-1000", "nobody");
        write("trunkline.sqlite.corrupt-1000-wal", &format!("..{one}.."));
        write("trunkline.sqlite.corrupt-2000", &format!("..{two}.."));
        write("trunkline.sqlite.corrupt-kept", &one);
        write("trunkline.sqlite", &one);
        let left = || {
            let mut names: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort_unstable();
            names
        };
        assert_eq!(remove_naming(folder.path(), &hashes(&one)).unwrap(), 1);
        assert_eq!(left(), ["trunkline.sqlite", "trunkline.sqlite.corrupt-2000", "trunkline.sqlite.corrupt-kept"]);
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        assert_eq!(expire(folder.path(), at(2_000)).unwrap(), 0);
        assert_eq!(expire(folder.path(), at(2_001)).unwrap(), 1);
        assert_eq!(left(), ["trunkline.sqlite", "trunkline.sqlite.corrupt-kept"]);
    }
}
