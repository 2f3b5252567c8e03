//! The caller's side: frames on the media clock, voice activity, the recogniser's words.
//!
//! It knows when he speaks, since when he is silent and what he has said in this turn. It decides nothing. Silence is counted on
//! the media clock, frame by frame; where frames stop coming, the wall clock counts it. Invariant: at most one commit is unanswered,
//! so that an answer that never comes cannot be mistaken for another's.

use std::time::Duration;

use crate::audio::vad::{Speech as Voicing, Vad, VadConfig};
use crate::audio::{FRAME_MS, Frame};
use crate::conversation::Completeness;

#[derive(Debug)]
pub(super) struct Hearing {
    vad: Vad,
    /// Media time of the next frame, ms.
    media_ms: u64,
    /// When the last frame came.
    frame_at: Duration,
    speaking: bool,
    /// When the current or last speech began and when its last voiced frame ended, media ms.
    since_ms: u64,
    since_at: Duration,
    voiced_until_ms: u64,
    /// When that last voiced frame came, on the wall clock.
    voiced_at: Duration,
    /// Since when no frame was louder than the line's noise, media ms. A hiss ("s", "sh") is no voice and yet no silence.
    loud_until_ms: u64,
    /// First voiced frame of this turn, media ms.
    turn_from_ms: Option<u64>,
    finals: String,
    partial: String,
    /// Words at the beginning of what the recogniser heard since the last final ones that were our own echo.
    echo: String,
    /// Since when words are coming that may be the caller's, and when the last of them came.
    coming: Option<(Duration, Duration)>,
    /// Both, joined; kept so that a frame needs no new text.
    words: String,
    partial_at: Duration,
    final_at: Duration,
    /// A commit whose final words are owed.
    owed: bool,
    /// There was voice since the last commit.
    uncommitted: bool,
    /// Frames that the recogniser was not told to hear at once.
    batched: u32,
    /// Partial words that were taken for final because the final ones did not come, and until when those may still come.
    guess: Option<(String, Duration)>,
    /// What the stage flow says of the words so far; computed once for each change.
    pub(super) completeness: Completeness,
}

/// What final words mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Final {
    /// They repeat what was taken for final before.
    Known,
    /// They are new.
    New,
    /// They are what was guessed before, and the guess was wrong.
    Corrected,
}

impl Hearing {
    pub(super) fn new() -> Self {
        Self {
            // A short hangover: the end of a burst decides nothing alone.
            vad: Vad::new(VadConfig { hangover_ms: 60, ..VadConfig::default() }),
            media_ms: 0,
            frame_at: Duration::ZERO,
            speaking: false,
            since_ms: 0,
            since_at: Duration::ZERO,
            voiced_until_ms: 0,
            voiced_at: Duration::ZERO,
            loud_until_ms: 0,
            turn_from_ms: None,
            finals: String::new(),
            partial: String::new(),
            echo: String::new(),
            coming: None,
            words: String::new(),
            partial_at: Duration::ZERO,
            final_at: Duration::ZERO,
            owed: false,
            uncommitted: false,
            batched: 0,
            guess: None,
            completeness: Completeness::Usual,
        }
    }

    /// Takes a frame. True if the recogniser should have all there is now: it is the beginning of speech, the end of a word that may
    /// be the last, or a good mouthful of what is being said. While nobody speaks there is no hurry. What is not louder than the
    /// ceiling may be our own echo.
    pub(super) fn frame(&mut self, frame: &Frame, ceiling_dbfs: f32, now: Duration) -> bool {
        let activity = self.vad.push_over(frame, ceiling_dbfs);
        let (voiced_before, loud_before) = (self.voiced_until_ms == self.media_ms, self.loud_until_ms == self.media_ms);
        let start = self.media_ms;
        self.media_ms += u64::from(FRAME_MS);
        self.frame_at = now;
        if activity.voiced {
            self.voiced_until_ms = self.media_ms;
            self.voiced_at = now;
        }
        let floor = self.vad.floor_dbfs().unwrap_or(QUIET_DBFS);
        if activity.voiced || activity.level_dbfs > (floor + LOUD_DB).max(QUIET_DBFS).max(ceiling_dbfs) {
            self.loud_until_ms = self.media_ms;
        }
        match activity.speech {
            Voicing::Onset => {
                self.speaking = true;
                self.uncommitted = true;
                // The onset is declared a few frames after it happened.
                self.since_at = now;
                self.since_ms = start.saturating_sub(u64::from(FRAME_MS) * 2);
                self.turn_from_ms.get_or_insert(self.since_ms);
            }
            Voicing::Ended => self.speaking = false,
            Voicing::Ongoing | Voicing::Silent => {}
        }
        self.batched += 1;
        let busy = self.speaking || self.uncommitted;
        let (voiced, loud) = (self.voiced_until_ms == self.media_ms, self.loud_until_ms == self.media_ms);
        let falls_silent = busy && (voiced_before && !voiced || loud_before && !loud);
        let hurry = activity.speech == Voicing::Onset || falls_silent || busy && self.batched >= MOUTHFUL;
        if hurry {
            self.batched = 0;
        }
        hurry
    }

    /// Whether someone is speaking.
    pub(super) fn speaking(&self, now: Duration) -> bool {
        self.speaking && !self.stalled(now)
    }

    /// When the current or last speech was noticed.
    pub(super) fn since_at(&self) -> Duration {
        self.since_at
    }

    /// How long the current speech has lasted, ms of media.
    pub(super) fn speech_ms(&self) -> u64 {
        if self.speaking { self.voiced_until_ms.saturating_sub(self.since_ms) } else { 0 }
    }

    /// Whether frames have stopped coming.
    pub(super) fn stalled(&self, now: Duration) -> bool {
        now.saturating_sub(self.frame_at) >= STALLED
    }

    /// How long there was no voice.
    pub(super) fn silence(&self, now: Duration) -> Duration {
        self.without(self.voiced_until_ms, now)
    }

    fn without(&self, until_ms: u64, now: Duration) -> Duration {
        let media = Duration::from_millis(self.media_ms - until_ms);
        if self.stalled(now) { media + now.saturating_sub(self.frame_at) - STALLED } else { media }
    }

    /// Whether final words are worth asking for now.
    pub(super) fn commit_due(&self, now: Duration) -> bool {
        if self.owed || self.speaking(now) {
            return false;
        }
        if !self.uncommitted {
            // Words without a voice that we noticed: their final form is asked for once they stand still.
            return !(self.partial.is_empty() && self.echo.is_empty()) && now.saturating_sub(self.partial_at) >= STABLE;
        }
        let quiet = match (self.partial.is_empty(), self.completeness) {
            (false, Completeness::Complete) if self.partial_at > self.voiced_at => QUIET_COMPLETE,
            (false, _) => QUIET_WORDS,
            (true, _) => QUIET_NO_WORDS,
        };
        self.without(self.loud_until_ms, now) >= quiet || self.silence(now) >= quiet + HISS
    }

    pub(super) fn committed(&mut self) {
        self.uncommitted = false;
        self.owed = true;
    }

    /// Takes words that are not final; true if they changed.
    pub(super) fn partial(&mut self, text: &str, now: Duration) -> bool {
        let text = text.trim();
        if self.partial == text {
            return false;
        }
        self.partial.clear();
        self.partial.push_str(text);
        self.partial_at = now;
        self.changed();
        true
    }

    /// Takes final words.
    pub(super) fn finals(&mut self, text: &str, now: Duration) -> Final {
        let text = text.trim();
        let mut meaning = Final::New;
        let asked = std::mem::take(&mut self.owed);
        self.echo.clear();
        self.coming = None;
        if !asked && let Some((guess, _)) = self.guess.take_if(|(_, until)| now < *until) {
            if text.is_empty() || same_words(&guess, text) {
                return Final::Known;
            }
            meaning = Final::Corrected;
            if let Some(before) = self.finals.strip_suffix(&guess) {
                let keep = before.trim_end().len();
                self.finals.truncate(keep);
            }
        }
        self.partial.clear();
        self.add_final(text, now);
        meaning
    }

    /// The recogniser did not keep its promise: what it had said so far counts.
    pub(super) fn guess_finals(&mut self, now: Duration) {
        self.owed = false;
        self.echo.clear();
        self.coming = None;
        let partial = std::mem::take(&mut self.partial);
        self.guess = (!partial.is_empty()).then(|| (partial.clone(), now + GUESS_HOLDS));
        self.add_final(&partial, now);
    }

    fn add_final(&mut self, text: &str, now: Duration) {
        if !text.is_empty() {
            if !self.finals.is_empty() {
                self.finals.push(' ');
            }
            self.finals.push_str(text);
            self.final_at = now;
        }
        self.changed();
    }

    /// Puts words in front: the caller goes on with a turn that was taken for ended.
    pub(super) fn reopen(&mut self, text: &str, from_ms: Option<u64>) {
        let later = std::mem::replace(&mut self.finals, text.to_owned());
        if !later.is_empty() && !self.finals.is_empty() {
            self.finals.push(' ');
        }
        self.finals.push_str(&later);
        self.turn_from_ms = from_ms.or(self.turn_from_ms);
        self.changed();
    }

    fn changed(&mut self) {
        self.words.clear();
        self.words.push_str(&self.finals);
        if !self.finals.is_empty() && !self.partial.is_empty() {
            self.words.push(' ');
        }
        self.words.push_str(&self.partial);
    }

    /// The words of this turn so far.
    pub(super) fn words(&self) -> &str {
        &self.words
    }

    /// Whether the words so far are the recogniser's last word.
    pub(super) fn settled(&self) -> bool {
        !self.owed && self.partial.is_empty()
    }

    /// Whether the partial words may be all: they came after the last sound of voice, or the recogniser, which has had that sound at
    /// once, had time to say more. It lags behind the voice, so that what it said before may lack the last word.
    pub(super) fn caught_up(&self, now: Duration) -> bool {
        let silence = self.silence(now);
        silence >= WORD_GAP && self.partial_at > self.voiced_at || silence >= LAG
    }

    pub(super) fn partial_words(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Whether anything of the caller waits to be decided.
    pub(super) fn pending(&self, now: Duration) -> bool {
        self.unsettled(now) || !self.words.is_empty()
    }

    /// Whether words are still to be expected: somebody speaks, or the recogniser has not said its last word on what was said.
    pub(super) fn unsettled(&self, now: Duration) -> bool {
        self.speaking(now) || self.uncommitted || self.owed || !self.partial.is_empty() || !self.echo.is_empty()
    }

    /// Whether a voice was noticed so lately that new words may be its.
    pub(super) fn voiced_lately(&self, now: Duration) -> bool {
        self.voiced_within(RECENT, now)
    }

    /// Whether any frame of the last so many ms was voiced.
    pub(super) fn voiced_within(&self, lately: Duration, now: Duration) -> bool {
        self.voiced_until_ms > 0 && now.saturating_sub(self.voiced_at) < lately
    }

    /// The words that are not the caller's, since the last final ones.
    pub(super) fn echo(&self) -> &str {
        &self.echo
    }

    /// Words come that may be the caller's: since when, without a break or final ones between.
    pub(super) fn words_began(&mut self, now: Duration) -> Duration {
        let began = self.coming.filter(|(_, last)| now.saturating_sub(*last) < STABLE).map_or(now, |(began, _)| began);
        self.coming = Some((began, now));
        began
    }

    /// All that the recogniser heard since its last final words is our echo.
    pub(super) fn take_for_echo(&mut self, text: &str, now: Duration) {
        text.clone_into(&mut self.echo);
        self.partial_at = now;
    }

    /// Where this turn is in the media, ms.
    pub(super) fn span(&self) -> Option<(u32, u32)> {
        let from = self.turn_from_ms?;
        let clamp = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
        Some((clamp(from), clamp(self.voiced_until_ms.max(from))))
    }

    pub(super) fn turn_from_ms(&self) -> Option<u64> {
        self.turn_from_ms
    }

    /// When the last voiced frame arrived.
    pub(super) fn voiced_at(&self) -> Duration {
        self.voiced_at
    }

    /// When the last final words arrived.
    pub(super) fn final_at(&self) -> Duration {
        self.final_at
    }

    /// Forgets the words: the turn was taken, or they meant nothing.
    pub(super) fn forget(&mut self) {
        self.finals.clear();
        self.partial.clear();
        self.turn_from_ms = self.speaking.then_some(self.since_ms);
        self.completeness = Completeness::Usual;
        self.changed();
    }
}

/// Whether two transcripts say the same, whatever their case and punctuation.
pub(super) fn same_words(one: &str, other: &str) -> bool {
    fn words(text: &str) -> impl Iterator<Item = impl Iterator<Item = char>> {
        text.split(|c: char| c.is_whitespace() || c.is_ascii_punctuation() || c == '।')
            .filter(|word| !word.is_empty())
            .map(|word| word.chars().flat_map(char::to_lowercase))
    }
    let (mut one, mut other) = (words(one), words(other));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) => {
                if !one.eq(other) {
                    return false;
                }
            }
            (Some(_), None) | (None, Some(_)) => return false,
        }
    }
}

/// Words this long after a voice belong to it.
const RECENT: Duration = Duration::from_millis(1_500);
/// Frames that come this late have stopped coming.
pub(super) const STALLED: Duration = Duration::from_millis(400);
/// Silence after which final words are asked for where the partial ones are complete and say all that was spoken.
const QUIET_COMPLETE: Duration = Duration::from_millis(80);
/// The same where they may go on: not within a word.
const QUIET_WORDS: Duration = Duration::from_millis(140);
/// The same where there are none yet: they may be on their way, or it was a cough.
const QUIET_NO_WORDS: Duration = Duration::from_millis(240);
/// Silence after which words that are not final yet may be all; between two words of a sentence there is less.
const WORD_GAP: Duration = Duration::from_millis(100);
/// A recogniser's partial words lag behind the voice by about 150 ms. More is wasted work, never a wrong answer.
const LAG: Duration = Duration::from_millis(180);
/// Frames given to the recogniser at a time while somebody speaks: it asks for 100 to 250 ms.
const MOUTHFUL: u32 = 5;
/// A word's last sound may be a hiss; if the line hisses for longer, it is the line's.
const HISS: Duration = Duration::from_millis(160);
/// Partial words that stand still this long without a voice are asked for.
const STABLE: Duration = Duration::from_millis(600);
/// How long final words may still come after they were guessed.
const GUESS_HOLDS: Duration = Duration::from_millis(2_500);
/// A frame this far above the noise is sound.
const LOUD_DB: f32 = 9.0;
/// A frame below this level is silence.
const QUIET_DBFS: f32 = -50.0;
