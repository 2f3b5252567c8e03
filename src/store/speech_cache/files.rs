//! The cache's files: their names, whole writes, ages and clean-up. Blocking; called where blocking is allowed.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::{SpeechCacheConfig, SpeechForm};

pub(super) const PREFIX: &str = "elevenlabs_";
pub(super) const HASH_DIGITS: usize = 32;
pub(super) const LANGUAGE_LENGTH: usize = 32;

/// What a language consists of in a file's name.
pub(super) fn is_language(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// The form of the audio under a name, if it is exactly a cache name: then it holds no separator, no dot but the one before its
/// ending, and nothing that a file system could take for another name.
pub(super) fn form_of(name: &str) -> Option<SpeechForm> {
    let rest = name.strip_prefix(PREFIX)?;
    let (hash, rest) = rest.split_once('_')?;
    let (language, ending) = rest.split_once('.')?;
    let hash_fits =
        hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let language_fits = (1..=LANGUAGE_LENGTH).contains(&language.len()) && language.bytes().all(is_language);
    let form = [SpeechForm::Mp3, SpeechForm::Ulaw].into_iter().find(|form| form.extension() == ending)?;
    (hash_fits && language_fits).then_some(form)
}

/// The file's bytes, if it is there, is a plain file, and is neither empty (a power cut) nor beyond all speech.
pub(super) fn read(file: &Path) -> Option<Vec<u8>> {
    let known = fs::symlink_metadata(file).ok()?;
    if !known.is_file() || known.len() == 0 || known.len() > LARGEST {
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(known.len()).ok()?);
    File::open(file).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}

/// Notes on the disk that a file was used now.
pub(super) fn touch(file: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).open(file)?.set_modified(SystemTime::now())
}

/// Writes a file so that under its name it is whole or not there.
pub(super) fn write(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let beside = dir.join(format!("{BESIDE}{}-{number}", std::process::id()));
    let written = (|| {
        // Somebody may have emptied or removed the folder.
        fs::create_dir_all(dir)?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&beside)?;
        file.write_all(bytes)?;
        // Before the name: after a power cut it must not stand over nothing.
        file.sync_data()?;
        fs::rename(&beside, dir.join(name))
    })();
    if written.is_err() {
        // It may not be there at all; the clean-up takes what stays.
        fs::remove_file(&beside).ok();
    }
    written
}

/// When each sound was last handed out by this process.
#[derive(Debug, Default)]
pub(super) struct Handed {
    last: Mutex<HashMap<String, Instant>>,
}

impl Handed {
    /// Notes that a sound is being handed out. Whether the disk should be told too, since that was not done of late.
    pub(super) fn note(&self, name: &str) -> bool {
        let now = Instant::now();
        let mut last = self.lock();
        match last.get_mut(name) {
            Some(at) => {
                let stale = now.duration_since(*at) >= TOUCH;
                *at = now;
                stale
            }
            None => {
                if last.len() < REMEMBERED {
                    last.insert(name.to_owned(), now);
                }
                true
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a clean-up did and left.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) removed: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// Removes by age, then by total size, then what unfinished writes left behind.
pub(super) fn clean_up(config: &SpeechCacheConfig, handed: &Handed, now: SystemTime) -> io::Result<Left> {
    let mut found: Vec<(Duration, u64, String)> = Vec::new();
    for entry in fs::read_dir(&config.dir)? {
        let entry = entry?;
        let (Ok(name), Ok(known)) = (entry.file_name().into_string(), entry.metadata()) else {
            continue;
        };
        if !known.is_file() {
            continue;
        }
        let age = known.modified().ok().and_then(|at| now.duration_since(at).ok()).unwrap_or_default();
        if form_of(&name).is_some() {
            found.push((age, known.len(), name));
        } else if name.starts_with(BESIDE) && age > UNFINISHED {
            // Another process may have been quicker.
            fs::remove_file(entry.path()).ok();
        }
    }
    // The longest unused first.
    found.sort_by(|a, b| b.cmp(a));
    let mut left = Left { removed: 0, files: found.len() as u64, bytes: found.iter().map(|(_, size, _)| size).sum() };
    for (age, size, name) in found {
        if age <= config.max_age && left.bytes <= config.max_bytes {
            break;
        }
        if age >= config.grace && remove_unless_handed(config, handed, &name) {
            left.removed += 1;
            left.files -= 1;
            left.bytes -= size;
        }
    }
    handed.lock().retain(|_, at| at.elapsed() < config.grace.max(TOUCH));
    Ok(left)
}

fn remove_unless_handed(config: &SpeechCacheConfig, handed: &Handed, name: &str) -> bool {
    let file: PathBuf = config.dir.join(name);
    // Held over the removal: whoever asks now either was noted before, or finds the file gone.
    let last = handed.lock();
    let in_use = last.get(name).is_some_and(|at| at.elapsed() < config.grace);
    // Another process may have touched it since the folder was read.
    let touched = fs::metadata(&file).and_then(|known| known.modified()).ok().and_then(|at| at.elapsed().ok());
    !in_use && touched.is_none_or(|age| age >= config.grace) && fs::remove_file(&file).is_ok()
}

/// The beginning of the name under which a file is written.
const BESIDE: &str = ".writing-";
/// What a write left behind for so long will not be finished.
const UNFINISHED: Duration = Duration::from_secs(3600);
/// A use is noted on the disk at most so often.
const TOUCH: Duration = Duration::from_secs(60);
/// Names whose last use is remembered, at some 150 bytes each; beyond that only the disk knows.
const REMEMBERED: usize = 100_000;
/// 16 MiB: more than half an hour of mu-law.
const LARGEST: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cache_names_are_cache_names() {
        let hash = "0123456789abcdef0123456789abcdef";
        assert_eq!(form_of(&format!("elevenlabs_{hash}_hindi.mp3")), Some(SpeechForm::Mp3));
        assert_eq!(form_of(&format!("elevenlabs_{hash}_en-in.ulaw")), Some(SpeechForm::Ulaw));
        for bad in [
            String::new(),
            "README.md".to_owned(),
            "../../etc/passwd".to_owned(),
            format!("../elevenlabs_{hash}_hindi.mp3"),
            format!("/elevenlabs_{hash}_hindi.mp3"),
            format!("elevenlabs_{hash}_hindi.mp3/"),
            format!("elevenlabs_{hash}_hindi.mp3\0"),
            format!("elevenlabs_{hash}_hindi.mp3.exe"),
            format!("elevenlabs_{hash}_hin/di.mp3"),
            format!("elevenlabs_{hash}_hin..di.mp3"),
            format!("elevenlabs_{hash}_hin_di.mp3"),
            format!("elevenlabs_{hash}_Hindi.mp3"),
            format!("elevenlabs_{hash}_हिन्दी.mp3"),
            format!("elevenlabs_{hash}_.mp3"),
            format!("elevenlabs_{}_hindi.mp3", &hash[1..]),
            format!("elevenlabs_{}_hindi.mp3", hash.to_uppercase()),
            format!("elevenlabs_{hash}_hindi.wav"),
            format!("elevenlabs_{hash}_{}.mp3", "x".repeat(33)),
            ".writing-1-1".to_owned(),
        ] {
            assert_eq!(form_of(&bad), None, "{bad}");
        }
    }
}
