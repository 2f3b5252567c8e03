//! What a call was like from the caller's end: who said what when, and how long everything took. Key type: [`CallReport`].

use serde::{Deserialize, Serialize};

use crate::simulator::phrases::{Listener, PhraseBook};
use crate::simulator::playback::{Gap, Heard, Warnings};

/// A finished call as the far end saw it. Times are milliseconds since the call was placed, lengths milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallReport {
    /// The call.
    pub call_sid: String,
    /// The script's name.
    pub script: String,
    /// Twilio's final status: `completed`, `busy`, `no-answer`, `failed`, `canceled`.
    pub status: String,
    /// Why it ended.
    pub end: CallEnd,
    /// How long the call was connected.
    pub duration_ms: u64,
    /// Both sides, in order of time. The agent's words are known where it spoke by `<Say>`, by an MP3 with a title, or with
    /// [`crate::simulator::twilio::FarEndConfig::agent_words`]; else they are `[speech]`.
    pub transcript: Vec<Line>,
    /// What each of the caller's utterances led to, in stream mode.
    pub turns: Vec<TurnTimes>,
    /// From the stream's start to the first agent audio that sounded.
    pub greeting_ms: Option<f64>,
    /// The caller's utterances that began while the agent was speaking.
    pub barge_ins: Vec<BargeIn>,
    /// Silences within the agent's speech because audio came too late.
    pub gaps: Vec<Gap>,
    /// Frames and messages.
    pub frames: Frames,
    /// Streams that were opened.
    pub streams: u32,
    /// Warnings of Media Streams, over all streams.
    pub warnings: Warnings,
    /// What Twilio would have written into its debugger, and what the far end noticed.
    pub notes: Vec<Note>,
    /// Every request made for the call, in order of its answer.
    pub webhooks: Vec<Webhook>,
    /// Steps of the script that could not be done as written (the agent never spoke, or stopped before it was interrupted).
    pub missed_steps: u32,
    /// Both sides' audio, where recording was asked for.
    #[serde(skip)]
    pub audio: Option<CallAudio>,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallEnd {
    /// The document had no more verbs, or said `<Hangup>` or `<Reject>`.
    Agent,
    /// A REST request ended it.
    Api,
    /// The caller hung up.
    Caller,
    /// A webhook failed, or its document was none: the caller heard "an application error has occurred".
    Error,
    /// It was never answered.
    NotAnswered,
    /// The time limit of the call.
    TimeLimit,
}

/// One of the two on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The agent.
    Agent,
    /// The caller.
    Caller,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// By whom.
    pub who: Party,
    /// The words; of the agent those that were heard.
    pub text: String,
    /// When it began.
    pub start_ms: u64,
    /// When it ended.
    pub end_ms: u64,
}

/// What one utterance of the caller led to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnTimes {
    /// What the caller said.
    pub said: String,
    /// When its last loud frame was sent.
    pub end_of_speech_ms: f64,
    /// From there to the first agent audio that sounded; none where the caller spoke again, or the agent said nothing or went on.
    pub voice_to_voice_ms: Option<f64>,
}

/// The caller spoke while the agent did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BargeIn {
    /// What the caller said.
    pub said: String,
    /// When its first loud frame was sent.
    pub at_ms: f64,
    /// From there to the `clear` that stopped the agent; none where it went on.
    pub clear_ms: Option<f64>,
}

/// What went over the sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Frames {
    /// Media messages sent.
    pub sent: u64,
    /// Media messages received.
    pub received: u64,
    /// Bytes of audio received.
    pub received_bytes: u64,
    /// Marks received.
    pub marks: u64,
    /// Clears received.
    pub clears: u64,
    /// Frames that the simulator itself sent over 10 ms late: its own measure, not the server's.
    pub sent_late: u64,
    /// The latest of them.
    pub worst_lateness_ms: f64,
}

/// A line of Twilio's debugger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at_ms: u64,
    /// Twilio's code, such as 12300, or 0 for what has none.
    pub code: u32,
    /// What.
    pub text: String,
}

/// A request made for the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// When it was sent.
    pub at_ms: u64,
    /// How long the answer took.
    pub took_ms: u64,
    /// `GET` or `POST`.
    pub method: String,
    /// The URL, as signed.
    pub url: String,
    /// The parameters.
    pub params: Vec<(String, String)>,
    /// The HTTP status, or 0 where there was no answer.
    pub status: u16,
    /// The answer, at most 64 kB; empty for audio.
    pub answer: String,
}

/// Both sides of a call on one timeline: mu-law, 8 kHz, the same length; byte `8 * ms` is the call's millisecond `ms`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallAudio {
    /// The caller.
    pub caller: Vec<u8>,
    /// The agent, as played.
    pub agent: Vec<u8>,
}

/// One utterance of the caller, microseconds since the call was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) start_us: u64,
    pub(crate) voiced_us: Option<u64>,
    /// When the last loud frame was sent.
    pub(crate) end_us: u64,
    pub(crate) over_agent: bool,
}

/// Gathers a report while the call goes on.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) report: CallReport,
    said: Vec<Said>,
    clears_us: Vec<u64>,
    agent: Option<AgentLine>,
    listener: Listener,
    record: bool,
}

/// The agent's line that is being heard.
#[derive(Debug)]
struct AgentLine {
    start_us: u64,
    end_us: u64,
    words: Vec<String>,
}

impl Recorder {
    pub(crate) fn new(call_sid: &str, script: &str, record: bool) -> Self {
        let report = CallReport {
            call_sid: call_sid.to_owned(),
            script: script.to_owned(),
            status: "queued".to_owned(),
            end: CallEnd::Agent,
            duration_ms: 0,
            transcript: Vec::new(),
            turns: Vec::new(),
            greeting_ms: None,
            barge_ins: Vec::new(),
            gaps: Vec::new(),
            frames: Frames::default(),
            streams: 0,
            warnings: Warnings::default(),
            notes: Vec::new(),
            webhooks: Vec::new(),
            missed_steps: 0,
            audio: record.then(CallAudio::default),
        };
        Self { report, said: Vec::new(), clears_us: Vec::new(), agent: None, listener: Listener::default(), record }
    }

    pub(crate) fn note(&mut self, at_ms: u64, code: u32, text: impl Into<String>) {
        if self.report.notes.len() < LIMIT {
            self.report.notes.push(Note { at_ms, code, text: text.into() });
        }
    }

    pub(crate) fn webhook(&mut self, webhook: Webhook) {
        if self.report.webhooks.len() < LIMIT {
            self.report.webhooks.push(webhook);
        }
    }

    pub(crate) fn line(&mut self, who: Party, text: &str, start_ms: u64, end_ms: u64) {
        if self.report.transcript.len() < LIMIT {
            self.report.transcript.push(Line { who, text: text.to_owned(), start_ms, end_ms });
        }
    }

    /// The caller said something on a stream.
    pub(crate) fn said(&mut self, said: Said, sent_us: u64) {
        self.line(Party::Caller, said.spoken(), said.start_us / 1_000, sent_us / 1_000 + 20);
        self.said.push(said);
    }

    /// The caller's 20 ms, sent at `at_us`.
    pub(crate) fn caller_sound(&mut self, at_us: u64, sound: &[u8]) {
        if self.record
            && let Some(audio) = &mut self.report.audio
        {
            place(&mut audio.caller, at_us, sound);
        }
    }

    /// The agent's sound that was played from `at_us` on; a line of it that ended is returned.
    pub(crate) fn agent_sound(&mut self, at_us: u64, sound: &[u8], words: Option<&PhraseBook>) -> Option<Line> {
        if self.record
            && let Some(audio) = &mut self.report.audio
        {
            place(&mut audio.agent, at_us, sound);
        }
        let ended = match &self.agent {
            Some(line) if at_us > line.end_us + LINE_BREAK_US => self.agent_quiet(),
            Some(_) | None => None,
        };
        let end_us = at_us + sound.len() as u64 * 125;
        let line = self.agent.get_or_insert_with(|| AgentLine { start_us: at_us, end_us, words: Vec::new() });
        line.end_us = end_us;
        if let Some(book) = words {
            line.words.extend(self.listener.hear(book, sound).words.into_iter().map(|word| word.text));
        }
        ended
    }

    /// Whether the agent's line ended this long ago.
    pub(crate) fn agent_is_quiet(&self, now_us: u64) -> bool {
        self.agent.as_ref().is_some_and(|line| now_us > line.end_us + LINE_BREAK_US)
    }

    /// Ends the agent's line and writes it down.
    pub(crate) fn agent_quiet(&mut self) -> Option<Line> {
        let line = self.agent.take()?;
        let text = if line.words.is_empty() { "[speech]".to_owned() } else { line.words.join(" ") };
        self.line(Party::Agent, &text, line.start_us / 1_000, line.end_us / 1_000);
        self.report.transcript.last().cloned()
    }

    pub(crate) fn cleared(&mut self, at_us: u64) {
        self.report.frames.clears += 1;
        if self.clears_us.len() < LIMIT {
            self.clears_us.push(at_us);
        }
    }

    /// A stream ended: what it was like.
    pub(crate) fn stream_ended(&mut self, started_us: u64, heard: &Heard, warnings: Warnings) {
        self.agent_quiet();
        self.listener = Listener::default();
        let report = &mut self.report;
        report.streams += 1;
        report.warnings.overflow_31931 += warnings.overflow_31931;
        report.warnings.undecodable_31950 += warnings.undecodable_31950;
        report.warnings.invalid_31951 += warnings.invalid_31951;
        report.gaps.extend(heard.gaps.iter().take(LIMIT).copied());
        if report.greeting_ms.is_none() {
            report.greeting_ms = heard.speeches.first().map(|speech| ms(speech.start_us.saturating_sub(started_us)));
        }
        let said = std::mem::take(&mut self.said);
        for (n, this) in said.iter().enumerate() {
            let next = said.get(n + 1).map_or(u64::MAX, |next| next.start_us);
            if this.over_agent {
                let voiced = this.voiced_us.unwrap_or(this.start_us);
                let clear = self.clears_us.iter().find(|&&at| at >= voiced && at < next);
                let clear = clear.filter(|&&at| at <= this.end_us + CLEAR_LIMIT_US);
                report.barge_ins.push(BargeIn {
                    said: this.spoken().to_owned(),
                    at_ms: ms(voiced),
                    clear_ms: clear.map(|at| ms(at - voiced)),
                });
            }
            let answer = heard.speeches.iter().find(|speech| speech.start_us >= this.end_us && speech.start_us < next);
            report.turns.push(TurnTimes {
                said: this.spoken().to_owned(),
                end_of_speech_ms: ms(this.end_us),
                voice_to_voice_ms: answer.map(|speech| ms(speech.start_us - this.end_us)),
            });
        }
        self.clears_us.clear();
    }

    /// The whole report.
    pub(crate) fn finish(mut self, status: &str, end: CallEnd, answered_ms: Option<u64>, now_ms: u64) -> CallReport {
        self.agent_quiet();
        self.report.status = status.to_owned();
        self.report.end = end;
        self.report.duration_ms = answered_ms.map_or(0, |at| now_ms.saturating_sub(at));
        self.report.transcript.sort_by_key(|line| line.start_ms);
        if let Some(audio) = &mut self.report.audio {
            let length = audio.caller.len().max(audio.agent.len());
            audio.caller.resize(length, crate::simulator::sound::SILENCE);
            audio.agent.resize(length, crate::simulator::sound::SILENCE);
        }
        self.report
    }
}

impl Said {
    /// The words, or the recording's name in brackets where it has none.
    fn spoken(&self) -> &str {
        if self.text.is_empty() { &self.name } else { &self.text }
    }
}

/// Entries kept of any one list.
const LIMIT: usize = 10_000;
/// Silence that ends a line of the agent's transcript.
const LINE_BREAK_US: u64 = 500_000;
/// A clear later than this after the caller's words was not for them.
const CLEAR_LIMIT_US: u64 = 1_000_000;
/// An hour of recording, in bytes.
const RECORDING_LIMIT: usize = 3_600 * 8_000;

fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}

fn place(track: &mut Vec<u8>, at_us: u64, sound: &[u8]) {
    let start = (at_us / 125) as usize;
    let end = start + sound.len();
    if end > RECORDING_LIMIT {
        return;
    }
    if track.len() < end {
        track.resize(end, crate::simulator::sound::SILENCE);
    }
    track[start..end].copy_from_slice(sound);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::playback::Speech;

    fn said(start: u64, end: u64, over_agent: bool) -> Said {
        let (start_us, end_us) = (start * 1_000, end * 1_000);
        Said { name: "x".to_owned(), text: "x".to_owned(), start_us, voiced_us: Some(start_us), end_us, over_agent }
    }

    fn speech(start: u64, end: u64) -> Speech {
        Speech { start_us: start * 1_000, voiced_us: Some(start * 1_000), end_us: end * 1_000, cleared: false }
    }

    #[test]
    fn times_are_measured_from_the_callers_last_loud_frame_to_what_sounded_next() {
        let mut recorder = Recorder::new("CA1", "s", false);
        recorder.said(said(2_000, 3_000, false), 3_000_000);
        recorder.said(said(5_000, 6_000, true), 6_000_000);
        recorder.said(said(6_500, 7_000, false), 7_000_000);
        recorder.cleared(5_120_000);
        let heard =
            Heard { speeches: vec![speech(250, 1_500), speech(3_450, 5_120), speech(7_300, 8_000)], gaps: vec![] };
        recorder.stream_ended(100_000, &heard, Warnings::default());
        let report = recorder.finish("completed", CallEnd::Agent, Some(100), 8_100);
        assert_eq!(report.greeting_ms, Some(150.0));
        let times: Vec<_> = report.turns.iter().map(|turn| turn.voice_to_voice_ms).collect();
        assert_eq!(times, [Some(450.0), None, Some(300.0)]);
        assert_eq!(report.barge_ins, [BargeIn { said: "x".to_owned(), at_ms: 5_000.0, clear_ms: Some(120.0) }]);
        assert_eq!(report.duration_ms, 8_000);
    }

    #[test]
    fn both_sides_lie_on_one_timeline() {
        let mut recorder = Recorder::new("CA1", "s", true);
        recorder.caller_sound(20_000, &[1; 160]);
        recorder.agent_sound(60_000, &[2; 80], None);
        let audio = recorder.finish("completed", CallEnd::Agent, None, 0).audio.unwrap();
        assert_eq!((audio.caller.len(), audio.agent.len()), (560, 560));
        assert_eq!((audio.caller[159], audio.caller[160], audio.agent[479], audio.agent[480]), (0xFF, 1, 0xFF, 2));
    }
}
