//! What the ears must not lose: the audio since the last final words, the commits not yet answered, the words so far.
//!
//! No socket and no waiting here. Positions count bytes since the call began, so that nothing moves when old audio is let go.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Instant;

use super::{Answer, BATCH_BYTES, MOST_BYTES, REPLAY_BYTES, TOLD};
use crate::audio::{BYTES_PER_MS, FRAME_SAMPLES};
use crate::provider::EarsInput;

/// The audio since the last final words, bounded, and what of it was sent on the present connection.
pub(super) struct Memory {
    audio: VecDeque<u8>,
    limit: usize,
    /// Position of the oldest byte kept.
    start: u64,
    /// Up to here the present connection has it.
    sent: u64,
    /// Up to here the present connection is catching up, so that batches may be large.
    replay_until: u64,
    /// Up to here nothing waits for a full batch.
    hurry_until: u64,
    /// Whether anything was said since the last final words: only then is all of it worth saying again.
    spoken: bool,
    commits: VecDeque<Commit>,
    commit_timeout: Duration,
    partial: String,
    /// The words given for a commit that was not answered in time; the answer may still come.
    late: Option<String>,
}

/// What is to be sent next.
pub(super) enum Due {
    /// A message with audio.
    Audio(String),
    /// The commit message.
    Commit,
    /// Nothing to send: a commit without audio before it is answered here.
    EmptyFinal,
}

struct Commit {
    at: u64,
    /// No audio since the commit before: never sent, answered in its place.
    empty: bool,
    sent: bool,
    /// When the answer is due; set once sent.
    due: Option<Instant>,
    /// How often it was sent.
    asked: u8,
}

impl Memory {
    pub(super) fn new(replay: Duration, commit_timeout: Duration) -> Self {
        let limit = usize::try_from(replay.as_millis()).unwrap_or(usize::MAX).saturating_mul(BYTES_PER_MS);
        Self {
            audio: VecDeque::new(),
            // What is taken in at once must not push out what was not sent yet.
            limit: limit.max(BATCH_BYTES + TOLD * FRAME_SAMPLES),
            start: 0,
            sent: 0,
            replay_until: 0,
            hurry_until: 0,
            spoken: false,
            commits: VecDeque::new(),
            commit_timeout,
            partial: String::new(),
            late: None,
        }
    }

    /// Keeps audio, or a commit where it stands.
    pub(super) fn take_in(&mut self, told: EarsInput) {
        match told {
            EarsInput::Audio(frame) => {
                let over = |limit: usize| (self.audio.len() + frame.len()).saturating_sub(limit);
                let sent = usize::try_from(self.sent - self.start).unwrap_or(usize::MAX);
                let quiet = if self.spoken { 0 } else { over(QUIET_BYTES).min(sent) };
                self.forget(over(self.limit).max(quiet));
                if self.audio.capacity() < self.audio.len() + frame.len() {
                    // Doubling would overshoot by up to half, and this is most of a call's memory.
                    let more = STEP_BYTES.min(self.limit.saturating_sub(self.audio.len()));
                    self.audio.reserve_exact(more.max(frame.len()));
                }
                self.audio.extend(&frame[..]);
            }
            EarsInput::Now => {
                self.hurry_until = self.end();
                self.spoken = true;
            }
            EarsInput::Commit if self.commits.len() < MAX_COMMITS => {
                let at = self.end();
                let since = self.commits.back().map_or(self.start, |commit| commit.at);
                self.commits.push_back(Commit { at, empty: at == since, sent: false, due: None, asked: 0 });
            }
            EarsInput::Commit => {}
        }
    }

    /// A new connection has nothing yet: everything kept is to be sent again.
    pub(super) fn begin_anew(&mut self) {
        self.sent = self.start;
        self.replay_until = self.end();
        self.partial.clear();
        self.late = None;
        for commit in &mut self.commits {
            commit.sent = false;
            commit.due = None;
        }
    }

    /// The next thing to send, if any is due: a full batch, or less in a hurry and before a commit.
    pub(super) fn next_due(&mut self) -> Option<Due> {
        if self.commits.front().is_some_and(|commit| commit.empty) {
            self.commits.pop_front();
            return Some(Due::EmptyFinal);
        }
        let end = self.end();
        let next = self.commits.iter_mut().find(|commit| !commit.sent && !commit.empty);
        let until = next.as_ref().map_or(end, |commit| commit.at);
        let most = if self.sent < self.replay_until { REPLAY_BYTES } else { MOST_BYTES };
        let ready = usize::try_from(until.saturating_sub(self.sent)).unwrap_or(0);
        let hurry = next.is_some() || self.sent < self.replay_until.max(self.hurry_until);
        if ready >= BATCH_BYTES || ready > 0 && hurry {
            return Some(Due::Audio(self.message(ready.min(most))));
        }
        let commit = next?;
        commit.sent = true;
        commit.asked += 1;
        commit.due = Some(Instant::now() + self.commit_timeout);
        Some(Due::Commit)
    }

    /// When the oldest commit's answer is due.
    pub(super) fn answer_due(&self) -> Option<Instant> {
        self.commits.front().and_then(|commit| commit.due)
    }

    /// Whether the oldest commit was sent only once, so that a new connection may be asked as well.
    pub(super) fn may_ask_again(&self) -> bool {
        self.commits.front().is_some_and(|commit| commit.asked < 2)
    }

    /// Notes the words so far; `false` if they are those already told.
    pub(super) fn note_partial(&mut self, text: &str) -> bool {
        if self.partial == text {
            return false;
        }
        text.clone_into(&mut self.partial);
        self.spoken |= !text.is_empty();
        true
    }

    /// The final words to tell, oldest first: of the commit that was answered, and of empty commits right behind it.
    pub(super) fn answer(&mut self, answer: Answer) -> Vec<String> {
        let mut finals = Vec::new();
        match answer {
            Answer::TimedOut => {
                if self.commits.is_empty() {
                    return finals;
                }
                let words = std::mem::take(&mut self.partial);
                self.late = (!words.is_empty()).then(|| words.clone());
                finals.push(words);
            }
            Answer::Words(words) => {
                let late = self.late.take();
                let is_late = late.is_some_and(|given| self.commits.is_empty() || given == words);
                if is_late {
                    return finals;
                }
                self.partial.clear();
                finals.push(words);
            }
        }
        match self.commits.pop_front() {
            Some(commit) => self.forget(usize::try_from(commit.at.saturating_sub(self.start)).unwrap_or(usize::MAX)),
            // Final words nobody asked for (the vendor commits alone after 90 s) stand for all that it has.
            None => self.forget(usize::try_from(self.sent.saturating_sub(self.start)).unwrap_or(usize::MAX)),
        }
        while self.commits.pop_front_if(|commit| commit.empty).is_some() {
            finals.push(String::new());
        }
        // Somebody may be speaking on, behind what was answered.
        self.spoken = self.hurry_until > self.start;
        // What a long turn needed is given back.
        self.audio.shrink_to(STEP_BYTES);
        finals
    }

    fn end(&self) -> u64 {
        self.start + self.audio.len() as u64
    }

    fn forget(&mut self, bytes: usize) {
        let bytes = bytes.min(self.audio.len());
        self.audio.drain(..bytes);
        self.start += bytes as u64;
        self.sent = self.sent.max(self.start);
    }

    fn message(&mut self, bytes: usize) -> String {
        let from = usize::try_from(self.sent - self.start).unwrap_or(0);
        self.sent += bytes as u64;
        let mut text = String::with_capacity(HEAD.len() + bytes.div_ceil(3) * 4 + TAIL.len());
        text.push_str(HEAD);
        STANDARD.encode_string(&self.audio.make_contiguous()[from..from + bytes], &mut text);
        text.push_str(TAIL);
        text
    }
}

const HEAD: &str = r#"{"message_type":"input_audio_chunk","audio_base_64":""#;
const TAIL: &str = r#"","commit":false,"sample_rate":8000}"#;
/// Kept while nobody speaks: enough for a soft beginning.
const QUIET_BYTES: usize = 500 * BYTES_PER_MS;
/// By so much room grows: what is kept while nobody speaks, and what waits for a full batch.
const STEP_BYTES: usize = QUIET_BYTES + BATCH_BYTES;
/// Commits waiting for their answers; the session sends one a turn.
const MAX_COMMITS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn memory() -> Memory {
        Memory::new(Duration::from_secs(1), Duration::from_secs(2))
    }

    fn sent(memory: &mut Memory) -> String {
        let mut log = Vec::new();
        while let Some(due) = memory.next_due() {
            log.push(match due {
                Due::Audio(text) => {
                    let body: serde_json::Value = serde_json::from_str(&text).unwrap();
                    let audio = STANDARD.decode(body["audio_base_64"].as_str().unwrap()).unwrap();
                    format!("{}", audio.len())
                }
                Due::Commit => "commit".to_owned(),
                Due::EmptyFinal => "empty".to_owned(),
            });
        }
        log.join(" ")
    }

    fn hear(memory: &mut Memory, frames: usize) {
        for _ in 0..frames {
            memory.take_in(EarsInput::Audio(Bytes::from_static(&[0xFF; 160])));
        }
    }

    #[test]
    fn frames_go_out_in_batches_and_a_commit_flushes_the_rest_first() {
        let mut memory = memory();
        hear(&mut memory, 4);
        assert_eq!(sent(&mut memory), "");
        hear(&mut memory, 1);
        assert_eq!(sent(&mut memory), "800");
        hear(&mut memory, 2);
        memory.take_in(EarsInput::Commit);
        assert_eq!(sent(&mut memory), "320 commit");
    }

    #[test]
    fn what_may_be_the_end_of_a_word_waits_for_no_full_batch() {
        let mut memory = memory();
        hear(&mut memory, 2);
        memory.take_in(EarsInput::Now);
        assert_eq!(sent(&mut memory), "320");
        memory.take_in(EarsInput::Now);
        hear(&mut memory, 4);
        assert_eq!(sent(&mut memory), "");
        hear(&mut memory, 15);
        assert_eq!(sent(&mut memory), "2000 1040");
    }

    #[test]
    fn a_commit_without_audio_is_answered_here_but_in_its_place() {
        let mut memory = memory();
        memory.take_in(EarsInput::Commit);
        assert_eq!(sent(&mut memory), "empty");
        hear(&mut memory, 1);
        memory.take_in(EarsInput::Commit);
        memory.take_in(EarsInput::Commit);
        assert_eq!(sent(&mut memory), "160 commit");
        assert_eq!(memory.answer(Answer::Words("yes".to_owned())), ["yes", ""]);
        memory.take_in(EarsInput::Commit);
        assert_eq!(sent(&mut memory), "empty");
    }

    #[test]
    fn a_new_connection_gets_the_audio_since_the_last_final_and_the_open_commit() {
        let mut memory = memory();
        hear(&mut memory, 5);
        memory.take_in(EarsInput::Commit);
        assert_eq!(sent(&mut memory), "800 commit");
        assert_eq!(memory.answer(Answer::Words("one".to_owned())), ["one"]);
        hear(&mut memory, 6);
        memory.take_in(EarsInput::Commit);
        hear(&mut memory, 2);
        assert_eq!(sent(&mut memory), "960 commit");
        memory.begin_anew();
        assert_eq!(sent(&mut memory), "960 commit 320");
    }

    #[test]
    fn what_was_said_behind_a_commit_is_kept_when_its_answer_comes() {
        let mut memory = Memory::new(Duration::from_secs(5), Duration::from_secs(2));
        hear(&mut memory, 5);
        memory.take_in(EarsInput::Commit);
        hear(&mut memory, 5);
        memory.take_in(EarsInput::Now);
        hear(&mut memory, 35);
        sent(&mut memory);
        // He speaks on while the answer comes.
        assert_eq!(memory.answer(Answer::Words("yes".to_owned())), ["yes"]);
        hear(&mut memory, 10);
        sent(&mut memory);
        memory.begin_anew();
        assert_eq!(sent(&mut memory), "8000", "all fifty frames since the commit");
        memory.take_in(EarsInput::Commit);
        sent(&mut memory);
        memory.answer(Answer::Words("no".to_owned()));
        for _ in 0..6 {
            hear(&mut memory, 10);
            sent(&mut memory);
        }
        assert_eq!(memory.audio.len(), QUIET_BYTES, "nobody speaks any more");
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_newest_stays() {
        let mut memory = Memory::new(Duration::from_secs(2), Duration::from_secs(2));
        for _ in 0..20 {
            hear(&mut memory, 10);
            sent(&mut memory);
        }
        assert_eq!(memory.audio.len(), QUIET_BYTES, "nobody has spoken");
        memory.take_in(EarsInput::Now);
        hear(&mut memory, 200);
        memory.take_in(EarsInput::Audio(Bytes::from_static(&[7; 160])));
        assert_eq!(memory.audio.len(), 16_000);
        assert_eq!(memory.audio.back(), Some(&7));
        assert!(memory.audio.capacity() <= 16_000 + 160);
        sent(&mut memory);
        memory.take_in(EarsInput::Commit);
        sent(&mut memory);
        memory.answer(Answer::Words("yes".to_owned()));
        assert!(memory.audio.capacity() <= STEP_BYTES);
    }

    #[test]
    fn an_unanswered_commit_gives_the_words_so_far_and_its_late_answer_is_dropped() {
        let mut memory = memory();
        hear(&mut memory, 5);
        memory.take_in(EarsInput::Commit);
        sent(&mut memory);
        assert!(memory.note_partial("two to five"));
        assert!(!memory.note_partial("two to five"));
        assert_eq!(memory.answer(Answer::TimedOut), ["two to five"]);
        assert!(memory.answer(Answer::Words("two to five.".to_owned())).is_empty());
        assert_eq!(memory.answer(Answer::Words("unasked".to_owned())), ["unasked"]);
    }
}
