//! The vendors' side of one streamed call: the channels to the recogniser, the mind and the voice, and what is on its way there.
//!
//! It owns no socket and decides nothing: the providers' tasks own theirs and end when their channel closes. Every queue is bounded;
//! what a recogniser does not take is dropped and counted. Key type: [`Upstream`].

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use metrics::counter;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;

use super::intake::ToEars;
use super::overflow::Overflow;
use super::speech::{key, voice_spec};
use super::switchboard::Switchboard;
use crate::agent::Agent;
use crate::conversation::prompt::Prompt;
use crate::provider::{EarsEvent, ProviderError, ProviderErrorKind, Utterance, VoiceEvent, VoiceInput, VoiceSpec};
use crate::store::speech_cache::{SpeechForm, SpeechKey};
use crate::telemetry;

/// The vendors' side of one call.
pub(super) struct Upstream {
    pub(super) ears_in: ToEars,
    pub(super) ears_out: mpsc::Receiver<EarsEvent>,
    pub(super) ears: JoinHandle<Result<(), ProviderError>>,
    ears_language: String,
    /// Commits whose final words have not come.
    pub(super) owed: u32,
    /// Whether the stage flow may speak another language than the recogniser listens for.
    pub(super) language_news: bool,
    pub(super) voice_in: mpsc::Sender<VoiceInput>,
    pub(super) voice_out: mpsc::Receiver<VoiceEvent>,
    /// By which cached speech is handed in beside the voice's own.
    told_by_us: Overflow<VoiceEvent>,
    pub(super) mind: Option<Asked>,
    /// Fixed clauses whose audio is collected for the cache.
    pub(super) collecting: HashMap<(u32, u32), (SpeechKey, Vec<u8>)>,
    voices: HashMap<String, Arc<VoiceSpec>>,
}

/// A question to the mind, and where its answer comes.
pub(super) struct Asked {
    pub(super) turn: u32,
    pub(super) pieces: mpsc::Receiver<String>,
    pub(super) task: JoinHandle<Result<(), ProviderError>>,
}

impl Upstream {
    pub(super) fn start(board: &Switchboard, agent: &Agent, language: Option<&str>) -> Self {
        let ears_language =
            language.map(|code| agent.language_or_first(Some(code)).iso639().to_owned()).unwrap_or_default();
        let (ears_in, ears_out, ears) = open_ears(board, &ears_language);
        let (voice_in, told) = mpsc::channel(VOICE_QUEUE);
        let (voice_tx, voice_out) = mpsc::channel(VOICE_EVENTS);
        if let Some(voice) = board.parts().voice.clone() {
            let warm = voice_spec(agent.language_or_first(language));
            let out = voice_tx.clone();
            board.tracker().spawn(async move { voice.speak(Some(&warm), told, out).await });
        }
        let voices =
            agent.languages.iter().map(|language| (language.code.clone(), Arc::new(voice_spec(language)))).collect();
        Self {
            ears_in,
            ears_out,
            ears,
            ears_language,
            owed: 0,
            language_news: false,
            voice_in,
            voice_out,
            told_by_us: Overflow::new("voice", voice_tx),
            mind: None,
            collecting: HashMap::new(),
            voices,
        }
    }

    /// Once the language is chosen, the recogniser is told; not before it has given the words that it owes, for they may be the choice.
    /// True if it is another one from now on.
    pub(super) fn follow_language(&mut self, board: &Switchboard, agent: &Agent, language: Option<&str>) -> bool {
        if !self.language_news || self.owed > 0 {
            return false;
        }
        self.language_news = false;
        let Some(code) = language else { return false };
        let wanted = agent.language_or_first(Some(code)).iso639();
        let changed = wanted != self.ears_language;
        if changed {
            wanted.clone_into(&mut self.ears_language);
            self.owed = 0;
            (self.ears_in, self.ears_out, self.ears) = open_ears(board, wanted);
        }
        changed
    }

    pub(super) fn ask(&mut self, board: &Switchboard, turn: u32, prompt: Prompt) {
        let (out, pieces) = mpsc::channel(MIND_PIECES);
        let task = match board.parts().mind.clone() {
            Some(mind) => board.tracker().spawn(async move { mind.reply(&prompt, out).await }),
            None => board.tracker().spawn(async { Ok(()) }),
        };
        if let Some(old) = self.mind.replace(Asked { turn, pieces, task }) {
            old.task.abort();
        }
    }

    pub(super) fn drop_mind(&mut self, turn: u32) {
        if let Some(asked) = self.mind.take_if(|asked| asked.turn <= turn) {
            asked.task.abort();
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one action")]
    pub(super) async fn speak(
        &mut self,
        board: &Switchboard,
        agent: &Agent,
        turn: u32,
        clause: u32,
        text: String,
        language: &str,
        fixed: bool,
    ) {
        let language = agent.language_or_first(Some(language));
        // What a variable makes this call's own is not kept.
        let name = || key(language, &text, SpeechForm::Ulaw).file_name();
        if fixed && board.is_everybodys(&name()) {
            let key = key(language, &text, SpeechForm::Ulaw);
            if let Some(audio) = board.kept_speech(&key).await {
                self.hand_in(board, turn, clause, audio);
                return;
            }
            self.collecting.insert((turn, clause), (key, Vec::new()));
        }
        let Some(voice) = self.voices.get(&language.code).cloned() else { return };
        let utterance = Utterance { turn, clause, text, voice };
        if let Err(refused) = self.voice_in.try_send(VoiceInput::Speak(utterance)) {
            count_full(&refused);
            let error = ProviderError::new("elevenlabs", ProviderErrorKind::Broken, "the voice takes no more clauses");
            self.told_by_us.put(board.tracker(), VoiceEvent::Failed { turn, clause, error });
        }
    }

    pub(super) fn drop_speech(&mut self, turn: u32) {
        self.collecting.retain(|(of, _), _| *of != turn);
        // A full queue means a voice that is stuck: its answers are dropped by their turn anyway.
        if let Err(refused) = self.voice_in.try_send(VoiceInput::Cancel { turn }) {
            count_full(&refused);
        }
    }

    /// Kept speech goes the way of fresh speech, in one piece.
    fn hand_in(&self, board: &Switchboard, turn: u32, clause: u32, audio: Bytes) {
        let events = [VoiceEvent::Audio { turn, clause, audio }, VoiceEvent::Done { turn, clause, pure: true }];
        for event in events {
            self.told_by_us.put(board.tracker(), event);
        }
    }

    pub(super) fn stop(self) {
        self.ears.abort();
        if let Some(asked) = self.mind {
            asked.task.abort();
        }
    }
}

type OpenEars = (ToEars, mpsc::Receiver<EarsEvent>, JoinHandle<Result<(), ProviderError>>);

fn open_ears(board: &Switchboard, language: &str) -> OpenEars {
    let (ears_in, input) = mpsc::channel(EARS_QUEUE);
    let (out, ears_out) = mpsc::channel(EARS_EVENTS);
    let ears = board.parts().ears.clone();
    let language = language.to_owned();
    let task = board.tracker().spawn(async move {
        match ears {
            Some(ears) => ears.transcribe(&language, &[], input, out).await,
            None => Ok(()),
        }
    });
    (ToEars::new(ears_in), ears_out, task)
}

fn count_full(refused: &TrySendError<VoiceInput>) {
    // A closed queue is a call that ends.
    if matches!(refused, TrySendError::Full(_)) {
        counter!(telemetry::QUEUES_FULL, "queue" => "voice").increment(1);
    }
}

/// The next piece of the mind's answer; never where nothing was asked.
pub(super) async fn next_piece(mind: &mut Option<Asked>) -> Option<String> {
    match mind {
        Some(asked) => asked.pieces.recv().await,
        None => std::future::pending().await,
    }
}

/// At least a second of audio for a recogniser that does not keep up.
const EARS_QUEUE: usize = 24;
const EARS_EVENTS: usize = 16;
const VOICE_QUEUE: usize = 32;
const VOICE_EVENTS: usize = 32;
const MIND_PIECES: usize = 32;
