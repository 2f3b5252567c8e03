//! The fuzz targets of `fuzz/`, bounded and on stable: every input of the corpora, then mutations of them by a generator that
//! does the same in every run. `FUZZ_ROUNDS` makes them more.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the figures, and the input that breaks a target")]
#![expect(clippy::disallowed_methods, reason = "FUZZ_ROUNDS is the test's own")]

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use targets::{TARGETS, Target};

/// Pieces that mean something to one of the targets, to be put in anywhere.
const PIECES: [&str; 24] = [
    "\"",
    "\\u0000",
    "{",
    "}",
    "[",
    "]]>",
    "<![CDATA[",
    "&amp;",
    "%",
    "%00",
    "data: ",
    "\n\n",
    "\r\n",
    "null",
    "-1",
    "1e999",
    "18446744073709551616",
    "पाँच सौ",
    "\u{202e}",
    "\u{0}",
    "=",
    "&",
    "five hundred and ",
    "\u{fffd}",
];
const LONGEST: usize = 8 * 1024;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn mutate(corpus: &[Vec<u8>], chance: &mut StdRng) -> Vec<u8> {
    let mut bytes = corpus[chance.random_range(0..corpus.len())].clone();
    for _ in 0..chance.random_range(1..=6) {
        let at = chance.random_range(0..=bytes.len());
        let end = chance.random_range(at..=bytes.len().min(at + 32));
        match chance.random_range(0..7) {
            0 if !bytes.is_empty() => bytes[at.min(end.saturating_sub(1))] ^= 1 << chance.random_range(0..8),
            1 => bytes.insert(at, chance.random()),
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..end, PIECES[chance.random_range(0..PIECES.len())].bytes())),
            4 => {
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again));
            }
            5 => {
                let other = &corpus[chance.random_range(0..corpus.len())];
                let from = chance.random_range(0..=other.len());
                let to = chance.random_range(from..=other.len());
                drop(bytes.splice(at..end, other[from..to].iter().copied()));
            }
            _ => bytes[at..end].iter_mut().for_each(|byte| *byte = chance.random()),
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

/// Runs a target, and shows the input that breaks it.
fn try_one(name: &str, run: Target, bytes: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(bytes))) {
        eprintln!("{name} breaks at {:?}\n{bytes:?}", String::from_utf8_lossy(bytes));
        std::panic::resume_unwind(panic);
    }
}

fn fuzz(name: &str, rounds: usize) {
    let run = TARGETS.iter().find(|(known, _)| *known == name).unwrap().1;
    let corpus = corpus(name);
    assert!(corpus.len() >= 2, "{name} has no corpus");
    for bytes in &corpus {
        try_one(name, run, bytes);
    }
    let rounds = std::env::var("FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(rounds);
    let mut chance = StdRng::seed_from_u64(20_261_123);
    for _ in 0..rounds {
        try_one(name, run, &mutate(&corpus, &mut chance));
    }
    println!("{name}: {} executions", corpus.len() + rounds);
}

macro_rules! bounded {
    ($($name:ident $rounds:literal),*) => {$(
        #[test]
        fn $name() {
            fuzz(stringify!($name), $rounds);
        }
    )*

        #[test]
        fn every_target_runs_here() {
            let here = [$(stringify!($name)),*];
            assert!(TARGETS.iter().all(|(name, _)| here.contains(name)));
        }
    };
}

bounded!(agent 2_000, call 1_500, ears 20_000, form 20_000, gemini 20_000, media 20_000, signature 4_000, twiml 10_000, understand 10_000, voice 20_000);
