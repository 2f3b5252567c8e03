//! A caller by script: waits for the agent, plays recordings, interrupts, presses keys, hangs up.
//!
//! Pure: `Caller` is asked for 20 ms of sound at a time and looks at what was heard. It answers `<Gather>` with the same script, so
//! that one script runs through both modes. Key types: [`Script`], [`Step`], [`CallReport`]. It understands nothing it hears: it
//! knows only whether the agent is speaking.

mod report;

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::phrases::{PhraseBook, Recording};
use super::playback::Playback;
use super::sound::{FRAME, SILENCE, is_loud};

pub use report::{BargeIn, CallAudio, CallEnd, CallReport, Frames, Line, Note, Party, TurnTimes, Webhook};
pub(crate) use report::{Recorder, Said};

/// What a caller does, in order. After the last step the caller stays silent until the call ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// For reports.
    pub name: String,
    /// The steps.
    pub steps: Vec<Step>,
}

/// One thing that a caller does. In TOML or JSON: `{ say = "yes" }`, `{ wait_for_agent = { quiet_ms = 600 } }`, `"hang_up"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Hangs up.
    HangUp,
    /// Waits until the agent has spoken for so long without a stop, then talks over it with this recording.
    InterruptAfter {
        /// Milliseconds of the agent's speech.
        ms: u64,
        /// The recording's name.
        phrase: String,
    },
    /// Presses a key: `0` to `9`, `*` or `#`.
    Press(char),
    /// Plays this recording of the phrase book, whoever is speaking.
    Say(String),
    /// Says nothing for so many milliseconds; in a `<Gather>`, lets it time out.
    Silence(u64),
    /// Waits until the agent has spoken (since the caller's last words) and then been quiet for so long.
    WaitForAgent {
        /// Milliseconds.
        quiet_ms: u64,
    },
}

impl Script {
    /// The demonstration's caller: chooses English, interrupts the agent once, then gives a charge and a time in one breath.
    pub fn logistics() -> Self {
        let wait = || Step::WaitForAgent { quiet_ms: 700 };
        let steps = vec![
            wait(),
            Step::Say("english".to_owned()),
            Step::InterruptAfter { ms: 2_600, phrase: "hello_who_is_calling".to_owned() },
            wait(),
            Step::Say("five_hundred_rupees".to_owned()),
            wait(),
            Step::Say("two_pm_to_five_pm".to_owned()),
        ];
        Self { name: "logistics".to_owned(), steps }
    }

    /// The same in Hindi, without the interruption.
    pub fn logistics_hindi() -> Self {
        let wait = || Step::WaitForAgent { quiet_ms: 700 };
        let say = |name: &str| Step::Say(name.to_owned());
        let steps = vec![wait(), say("hindi"), wait(), say("dhai_hazaar_rupaye"), wait(), say("do_se_paanch_baje")];
        Self { name: "logistics_hindi".to_owned(), steps }
    }

    /// For load: so many turns of the same words after the greeting, then hangs up.
    pub fn turns(count: usize, phrase: &str, interrupt_every: Option<usize>) -> Self {
        let mut steps = Vec::new();
        for n in 0..count {
            match interrupt_every {
                Some(every) if every > 0 && n % every == every - 1 => {
                    steps.push(Step::InterruptAfter { ms: 600, phrase: phrase.to_owned() });
                }
                Some(_) | None => {
                    steps.push(Step::WaitForAgent { quiet_ms: 500 });
                    steps.push(Step::Say(phrase.to_owned()));
                }
            }
        }
        steps.push(Step::WaitForAgent { quiet_ms: 500 });
        steps.push(Step::HangUp);
        Self { name: format!("{count} turns"), steps }
    }

    /// The names of recordings that the book does not have.
    pub fn unknown_phrases(&self, book: &PhraseBook) -> Vec<String> {
        let names = self.steps.iter().filter_map(|step| match step {
            Step::Say(phrase) | Step::InterruptAfter { phrase, .. } => Some(phrase),
            Step::HangUp | Step::Press(_) | Step::Silence(_) | Step::WaitForAgent { .. } => None,
        });
        names.filter(|name| book.get(name).is_none()).cloned().collect()
    }
}

/// A caller on the line.
#[derive(Debug)]
pub(crate) struct Caller {
    steps: VecDeque<Step>,
    book: Arc<PhraseBook>,
    saying: Option<Saying>,
    /// When the step at the front began, and when the caller last stopped speaking.
    since_us: u64,
    spoke_us: u64,
    /// Steps that gave up waiting.
    missed: u32,
}

#[derive(Debug)]
struct Saying {
    recording: Arc<Recording>,
    offset: usize,
    said: Said,
}

/// What the caller does in 20 ms.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tick {
    /// 160 bytes of a recording, or silence.
    pub(crate) sound: Option<[u8; FRAME]>,
    /// The caller began to say this.
    pub(crate) began: Option<String>,
    /// The caller finished this with the sound of this tick.
    pub(crate) said: Option<Said>,
    pub(crate) digit: Option<char>,
    pub(crate) hang_up: bool,
}

/// What the caller gives a `<Gather>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Digit(char),
    HangUp,
    Nothing,
    Speech { text: String, over_agent: bool, duration_ms: u64 },
}

impl Caller {
    pub(crate) fn new(script: Script, book: Arc<PhraseBook>) -> Self {
        Self { steps: script.steps.into(), book, saying: None, since_us: 0, spoke_us: 0, missed: 0 }
    }

    /// The next 20 ms, which are sent at `now_us` of the call.
    pub(crate) fn tick(&mut self, now_us: u64, line: &Playback) -> Tick {
        let mut tick = Tick::default();
        if self.saying.is_none() {
            self.step(now_us, line, &mut tick);
        }
        if let Some(saying) = &mut self.saying {
            if saying.offset == 0 {
                tick.began = Some(saying.recording.text.clone());
            }
            let rest = &saying.recording.audio[saying.offset..];
            let mut sound = [SILENCE; FRAME];
            let count = rest.len().min(FRAME);
            sound[..count].copy_from_slice(&rest[..count]);
            saying.offset += count;
            if is_loud(&sound) {
                saying.said.voiced_us.get_or_insert(now_us);
                saying.said.end_us = now_us;
            }
            tick.sound = Some(sound);
            if saying.offset >= saying.recording.audio.len()
                && let Some(saying) = self.saying.take()
            {
                self.spoke_us = now_us;
                self.since_us = now_us;
                tick.said = Some(saying.said);
            }
        }
        tick
    }

    /// What is given to a `<Gather>`; waiting for the agent takes no time there.
    pub(crate) fn gather(&mut self) -> Input {
        loop {
            return match self.steps.pop_front() {
                None => Input::Nothing,
                Some(Step::WaitForAgent { .. }) => continue,
                Some(Step::HangUp) => Input::HangUp,
                Some(Step::Press(digit)) => Input::Digit(digit),
                Some(Step::Silence(_)) => Input::Nothing,
                Some(Step::Say(phrase)) => self.speech(&phrase, false),
                Some(Step::InterruptAfter { phrase, .. }) => self.speech(&phrase, true),
            };
        }
    }

    /// The stream ended: what the caller was saying is cut there.
    pub(crate) fn stop_saying(&mut self) -> Option<Said> {
        self.saying.take().map(|saying| saying.said)
    }

    pub(crate) fn missed(&self) -> u32 {
        self.missed
    }

    fn speech(&self, phrase: &str, over_agent: bool) -> Input {
        match self.book.get(phrase) {
            Some(recording) if !recording.text.is_empty() => {
                Input::Speech { text: recording.text.clone(), over_agent, duration_ms: recording.duration_ms() }
            }
            Some(_) | None => Input::Nothing,
        }
    }

    fn step(&mut self, now_us: u64, line: &Playback, tick: &mut Tick) {
        // Asked fifty times a second of every caller: nothing is copied before the step is ready.
        let Some(step) = self.steps.front() else {
            return;
        };
        let waited = now_us.saturating_sub(self.since_us);
        let mut missed = false;
        let ready = match step {
            Step::HangUp | Step::Press(_) | Step::Say(_) => true,
            Step::Silence(ms) => waited >= ms * 1_000,
            Step::WaitForAgent { quiet_ms } => self.agent_was_quiet(now_us, line, *quiet_ms),
            Step::InterruptAfter { ms, .. } => {
                let speech = line.heard().speeches.last().filter(|speech| speech.end_us > self.spoke_us);
                let voiced = speech.and_then(|speech| speech.voiced_us).map(|at| at.max(self.spoke_us));
                let long_enough = voiced.is_some_and(|at| now_us.saturating_sub(at) >= ms * 1_000);
                if line.is_playing() && long_enough {
                    true
                } else {
                    missed = self.agent_was_quiet(now_us, line, MISSED_QUIET_MS);
                    missed
                }
            }
        };
        let gave_up = !ready && waited >= PATIENCE_US;
        if !ready && !gave_up {
            return;
        }
        self.missed += u32::from(missed || gave_up);
        let Some(step) = self.steps.pop_front() else {
            return;
        };
        self.since_us = now_us;
        match step {
            Step::HangUp => tick.hang_up = true,
            Step::Press(digit) => tick.digit = Some(digit),
            Step::Say(phrase) | Step::InterruptAfter { phrase, .. } => match self.book.get(&phrase) {
                Some(recording) => {
                    let said = Said {
                        name: phrase,
                        text: recording.text.clone(),
                        start_us: now_us,
                        voiced_us: None,
                        end_us: now_us,
                        over_agent: line.is_playing(),
                    };
                    self.saying = Some(Saying { recording: recording.clone(), offset: 0, said });
                }
                None => self.missed += 1,
            },
            // The next step may begin in the same 20 ms.
            Step::Silence(_) | Step::WaitForAgent { .. } => self.step(now_us, line, tick),
        }
    }

    fn agent_was_quiet(&self, now_us: u64, line: &Playback, quiet_ms: u64) -> bool {
        let heard = line.heard().speeches.last();
        let heard =
            heard.filter(|speech| speech.voiced_us.is_some() && speech.end_us > self.spoke_us && !speech.cleared);
        !line.is_playing() && heard.is_some_and(|speech| now_us.saturating_sub(speech.end_us) >= quiet_ms * 1_000)
    }
}

/// How long a caller waits for the agent before going on.
const PATIENCE_US: u64 = 20_000_000;
/// An agent that was to be interrupted and stopped before has been quiet for so long.
const MISSED_QUIET_MS: u64 = 400;

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the caller against an agent that speaks in the given spans (ms); the times at which the caller began something.
    fn run(steps: Vec<Step>, agent: &[(u64, u64)], until_ms: u64) -> Vec<(u64, String)> {
        let mut caller = Caller::new(Script { name: String::new(), steps }, PhraseBook::built_in());
        let mut line = Playback::default();
        let mut began = Vec::new();
        for ms in (0..until_ms).step_by(20) {
            line.advance(ms * 1_000);
            for (from, to) in agent {
                if *from == ms {
                    line.push(ms * 1_000, &vec![0x10; ((to - from) * 8) as usize]);
                }
            }
            let tick = caller.tick(ms * 1_000, &line);
            began.extend(tick.began.map(|text| (ms, text)));
            began.extend(tick.digit.map(|digit| (ms, digit.to_string())));
            began.extend(tick.hang_up.then(|| (ms, "hang up".to_owned())));
        }
        began
    }

    #[test]
    fn a_caller_answers_when_the_agent_has_finished() {
        let steps = vec![
            Step::WaitForAgent { quiet_ms: 500 },
            Step::Say("yes".to_owned()),
            Step::WaitForAgent { quiet_ms: 500 },
            Step::HangUp,
        ];
        let began = run(steps, &[(100, 1_100), (2_500, 3_000)], 5_000);
        assert_eq!(began, [(1_600, "yes".to_owned()), (3_500, "hang up".to_owned())]);
    }

    #[test]
    fn a_caller_interrupts_in_the_middle_of_the_agents_speech() {
        let steps = vec![Step::InterruptAfter { ms: 600, phrase: "no".to_owned() }, Step::Press('1')];
        let began = run(steps, &[(200, 3_000)], 2_000);
        assert_eq!(began, [(800, "no".to_owned()), (1_120, "1".to_owned())]);
    }

    #[test]
    fn an_agent_that_never_speaks_is_waited_for_only_so_long() {
        let began = run(vec![Step::WaitForAgent { quiet_ms: 500 }, Step::HangUp], &[], 30_000);
        assert_eq!(began, [(20_000, "hang up".to_owned())]);
    }

    #[test]
    fn the_same_script_answers_gathers() {
        let mut caller = Caller::new(Script::logistics(), PhraseBook::built_in());
        let mut texts = Vec::new();
        while let Input::Speech { text, .. } = caller.gather() {
            texts.push(text);
        }
        assert_eq!(texts, ["English", "hello, who is calling?", "five hundred rupees", "two pm to five pm"]);
        assert_eq!(caller.gather(), Input::Nothing);
    }

    #[test]
    fn the_scripts_that_come_with_the_product_use_recordings_that_exist() {
        let book = PhraseBook::built_in();
        for script in [Script::logistics(), Script::logistics_hindi(), Script::turns(3, "five_hundred_rupees", Some(2))]
        {
            assert!(script.unknown_phrases(&book).is_empty(), "{}", script.name);
        }
    }
}
