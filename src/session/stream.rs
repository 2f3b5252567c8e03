//! The one task that drives a streamed call: socket, recogniser, mind, voice and time become events; actions are carried out.
//!
//! It decides nothing. Helpers own the vendors' sockets and end when their channel closes. Every queue is bounded: audio for a
//! recogniser that does not keep up is dropped and counted, a phone line that takes no more audio is a dead line.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use bytes::Bytes;
use futures_util::SinkExt as _;
use metrics::{counter, histogram};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info};

use super::entry::{Entry, MAX_TURNS_KEPT, Next, Unsaid};
use super::speech::{key, left_alone, note, voice_spec};
use super::switchboard::Switchboard;
use crate::agent::{Agent, Mode};
use crate::audio::Frame;
use crate::call::{Action, Call, Closing, Event, Stop, TurnReport, Unheard};
use crate::conversation::Stage;
use crate::conversation::prompt::Prompt;
use crate::provider::{EarsEvent, EarsInput, ProviderError, Utterance, VoiceEvent, VoiceInput, VoiceSpec};
use crate::store::recording::Recorder;
use crate::store::speech_cache::{SpeechForm, SpeechKey};
use crate::telemetry;
use crate::twilio::StreamSid;
use crate::twilio::media::{self, Inbound, Start, Track};

/// Drives one streamed call from its `start` to its end.
pub(super) async fn run(board: Switchboard, entry: Arc<Entry>, start: Start, socket: WebSocket) {
    let mut session = entry.session.lock().await;
    let agent = session.agent.clone();
    let recorded = board.records(&agent);
    let recorder =
        board.parts().recordings.as_ref().filter(|_| recorded).map(|recordings| recordings.open(&start.call_sid));
    if recorder.is_some() {
        session.recording = Some(format!("{}.ogg", start.call_sid));
    }
    let call = Call::new(agent.clone(), session.conversation.clone(), session.local(), recorder.is_some());
    drop(session);
    info!(stream_sid = %start.stream_sid, "stream started");
    let helpers = Helpers::start(&board, &agent, call.conversation().language());
    let driver = Driver {
        board,
        entry,
        agent,
        stream_sid: start.stream_sid,
        socket,
        began: Instant::now(),
        call,
        helpers,
        recorder,
        outgoing: String::new(),
        incoming: Vec::with_capacity(256),
        greeted: false,
    };
    driver.drive().await;
}

struct Driver {
    board: Switchboard,
    entry: Arc<Entry>,
    agent: Arc<Agent>,
    stream_sid: StreamSid,
    socket: WebSocket,
    began: Instant,
    call: Call,
    helpers: Helpers,
    recorder: Option<Recorder>,
    /// The message being written; kept, so that none is allocated anew.
    outgoing: String,
    /// The caller's audio of one message; kept likewise.
    incoming: Vec<u8>,
    greeted: bool,
}

/// The vendors' side of one call.
struct Helpers {
    ears_in: mpsc::Sender<EarsInput>,
    /// Frames that are not worth waking the recogniser's task for, yet.
    unheard: Vec<Frame>,
    ears_out: mpsc::Receiver<EarsEvent>,
    ears: JoinHandle<Result<(), ProviderError>>,
    ears_language: String,
    /// Commits whose final words have not come.
    owed: u32,
    /// Whether the stage flow may speak another language than the recogniser listens for.
    language_news: bool,
    voice_in: mpsc::Sender<VoiceInput>,
    voice_out: mpsc::Receiver<VoiceEvent>,
    /// Kept so that cached speech can be handed in beside the voice's own.
    voice_tx: mpsc::Sender<VoiceEvent>,
    mind: Option<Asked>,
    /// Fixed clauses whose audio is collected for the cache.
    collecting: HashMap<(u32, u32), (SpeechKey, Vec<u8>)>,
    voices: HashMap<String, Arc<VoiceSpec>>,
}

struct Asked {
    turn: u32,
    pieces: mpsc::Receiver<String>,
    task: JoinHandle<Result<(), ProviderError>>,
}

/// What woke the task.
enum Woken {
    Socket(Option<Result<Message, axum::Error>>),
    Ears(Option<EarsEvent>),
    Voice(VoiceEvent),
    Mind(Option<String>),
    HangUp,
    Lost,
    Goodbye,
    Time,
}

impl Driver {
    async fn drive(mut self) {
        let mut actions = Vec::new();
        self.handle(Event::Started, &mut actions);
        // What is waited for in every turn of the loop is made once: fifty frames a second come by here.
        let (board, entry) = (self.board.clone(), self.entry.clone());
        let mut hang_up = pin!(entry.hang_up.cancelled());
        let mut lost = pin!(entry.lost.cancelled());
        let mut goodbye = pin!(board.goodbye().cancelled());
        let mut said_goodbye = false;
        let mut alarm = pin!(sleep_until(self.began));
        let mut set_for: Option<Instant> = None;
        let mut closing = self.carry_out(&mut actions).await;
        while closing.is_none() {
            // Set anew only for an earlier time: one that moved on is found out when it rings, and ringing for nothing does no harm.
            if let Some(at) = self.call.deadline().map(|at| self.began + at)
                && set_for.is_none_or(|set_for| at < set_for)
            {
                alarm.as_mut().reset(at);
                set_for = Some(at);
            }
            let woken = tokio::select! {
                biased;
                () = &mut hang_up => Woken::HangUp,
                () = &mut lost => Woken::Lost,
                () = &mut goodbye, if !said_goodbye => Woken::Goodbye,
                message = self.socket.recv() => Woken::Socket(message),
                Some(event) = self.helpers.voice_out.recv() => Woken::Voice(event),
                event = self.helpers.ears_out.recv() => Woken::Ears(event),
                piece = next_piece(&mut self.helpers.mind) => Woken::Mind(piece),
                () = &mut alarm, if set_for.is_some() => Woken::Time,
            };
            match woken {
                Woken::HangUp => self.handle(Event::Stop(Stop::HangUp), &mut actions),
                Woken::Lost => self.handle(Event::Stop(Stop::Lost), &mut actions),
                Woken::Goodbye => {
                    said_goodbye = true;
                    self.handle(Event::Stop(Stop::Draining), &mut actions);
                }
                Woken::Socket(message) => self.message(message, &mut actions),
                Woken::Voice(event) => self.voice(event, &mut actions).await,
                Woken::Ears(Some(EarsEvent::Partial(text))) => self.handle(Event::Partial(&text), &mut actions),
                Woken::Ears(Some(EarsEvent::Final(text))) => {
                    self.helpers.owed = self.helpers.owed.saturating_sub(1);
                    self.handle(Event::Final(&text), &mut actions);
                }
                Woken::Ears(None) => self.ears_ended(&mut actions).await,
                Woken::Mind(Some(text)) => {
                    let turn = self.helpers.mind.as_ref().map_or(0, |mind| mind.turn);
                    self.handle(Event::MindDelta { turn, text: &text }, &mut actions);
                }
                Woken::Mind(None) => self.mind_ended(&mut actions).await,
                Woken::Time => {
                    set_for = None;
                    self.handle(Event::Tick, &mut actions);
                }
            }
            closing = self.carry_out(&mut actions).await;
        }
        self.leave(closing).await;
    }

    fn handle(&mut self, event: Event<'_>, actions: &mut Vec<Action>) {
        self.call.handle(self.began.elapsed(), event, actions);
    }

    /// One message of the socket.
    fn message(&mut self, message: Option<Result<Message, axum::Error>>, actions: &mut Vec<Action>) {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return,
            Some(Ok(Message::Binary(_))) => {
                debug!("binary frame ignored");
                return;
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => {
                self.handle(Event::Stop(Stop::Lost), actions);
                return;
            }
        };
        let event = match media::parse_message(&text) {
            Ok(message) if message.stream_sid.as_deref().is_some_and(|sid| sid != self.stream_sid.as_str()) => {
                debug!("message of another stream ignored");
                return;
            }
            Ok(message) => message.event,
            Err(error) => {
                debug!(%error, "message ignored");
                return;
            }
        };
        match event {
            Inbound::Media(media) if media.track == Track::Inbound => {
                let mut audio = std::mem::take(&mut self.incoming);
                audio.clear();
                match media.decode_payload(&mut audio) {
                    Ok(_) => self.handle(Event::Media { timestamp_ms: media.timestamp_ms, audio: &audio }, actions),
                    Err(error) => debug!(%error, "media ignored"),
                }
                self.incoming = audio;
            }
            Inbound::Mark { name } => self.handle(Event::Mark(&name), actions),
            Inbound::Dtmf { digit } => self.handle(Event::Dtmf(digit), actions),
            Inbound::Stop { .. } => self.handle(Event::Stop(Stop::Lost), actions),
            Inbound::Media(_) | Inbound::Connected | Inbound::Start(_) | Inbound::Unknown { .. } => {}
        }
    }

    async fn voice(&mut self, event: VoiceEvent, actions: &mut Vec<Action>) {
        match event {
            VoiceEvent::Audio { turn, clause, audio } => {
                if let Some((_, bytes)) = self.helpers.collecting.get_mut(&(turn, clause))
                    && bytes.len() < MAX_COLLECTED
                {
                    bytes.extend_from_slice(&audio);
                }
                self.handle(Event::SpeechAudio { turn, clause, audio }, actions);
            }
            VoiceEvent::Letters { turn, clause, ends_ms } => {
                self.handle(Event::SpeechLetters { turn, clause, ends_ms: &ends_ms }, actions);
            }
            VoiceEvent::Done { turn, clause } => {
                if let Some((key, bytes)) = self.helpers.collecting.remove(&(turn, clause))
                    && !bytes.is_empty()
                {
                    let cache = self.board.speech_cache().clone();
                    self.board.tracker().spawn(async move { cache.put(&key, bytes.into()).await });
                }
                self.board.breakers().voice.succeeded();
                self.handle(Event::SpeechDone { turn, clause }, actions);
            }
            VoiceEvent::Failed { turn, clause, error } => {
                note(&error);
                self.board.breakers().voice.failed(&error);
                self.helpers.collecting.remove(&(turn, clause));
                self.handle(Event::SpeechFailed { turn, clause }, actions);
            }
        }
    }

    async fn ears_ended(&mut self, actions: &mut Vec<Action>) {
        if let Ok(Err(error)) = (&mut self.helpers.ears).await {
            note(&error);
        }
        counter!(telemetry::PROVIDER_FALLBACKS, "part" => "ears", "to" => "gather").increment(1);
        self.handle(Event::EarsLost, actions);
    }

    async fn mind_ended(&mut self, actions: &mut Vec<Action>) {
        let Some(asked) = self.helpers.mind.take() else { return };
        let turn = asked.turn;
        if let Ok(Err(error)) = asked.task.await {
            note(&error);
        }
        // The core judges the text: what was cut off after the spoken words is still an answer, nothing is none.
        self.handle(Event::MindDone { turn }, actions);
    }

    /// Carries out the actions; `Some` once the call shall be left.
    async fn carry_out(&mut self, actions: &mut Vec<Action>) -> Option<Closing> {
        let mut closing = None;
        let mut written = false;
        for action in actions.drain(..) {
            match action {
                Action::SendMedia(audio) => {
                    self.outgoing.clear();
                    media::write_media(&mut self.outgoing, &self.stream_sid, &audio);
                    written = true;
                    if !self.greeted {
                        self.greeted = true;
                        histogram!(telemetry::GREETING_SECONDS).record(self.began.elapsed().as_secs_f64());
                    }
                    if !feed(&mut self.socket, &self.outgoing).await {
                        closing = Some(Closing::Gone);
                    }
                }
                Action::SendMark(mark) => {
                    self.outgoing.clear();
                    media::write_mark(&mut self.outgoing, &self.stream_sid, &mark.to_string());
                    written = true;
                    if !feed(&mut self.socket, &self.outgoing).await {
                        closing = Some(Closing::Gone);
                    }
                }
                Action::Clear => {
                    self.outgoing.clear();
                    media::write_clear(&mut self.outgoing, &self.stream_sid);
                    written = true;
                    if let Some(lasts) = self.call.voice_lasts() {
                        histogram!(telemetry::CLEAR_SECONDS).record(lasts.as_secs_f64());
                    }
                    if !feed(&mut self.socket, &self.outgoing).await {
                        closing = Some(Closing::Gone);
                    }
                }
                Action::Listen(frame) => self.helpers.listen(frame),
                Action::ListenNow => self.helpers.tell_ears(Some(EarsInput::Now)),
                Action::Commit => self.helpers.tell_ears(Some(EarsInput::Commit)),
                Action::Record { caller, agent } => {
                    if let Some(recorder) = &mut self.recorder {
                        recorder.push(caller, agent);
                    }
                }
                Action::AskMind { turn, prompt } => self.helpers.ask(&self.board, turn, prompt),
                Action::DropMind { turn } => self.helpers.drop_mind(turn),
                Action::Speak { turn, clause, text, language, fixed } => {
                    self.helpers.speak(&self.board, &self.agent, turn, clause, text, &language, fixed).await;
                }
                Action::DropSpeech { turn } => {
                    self.helpers.collecting.retain(|(of, _), _| *of != turn);
                    // A full queue means a voice that is stuck: its answers are dropped by their turn anyway.
                    self.helpers.voice_in.try_send(VoiceInput::Cancel { turn }).ok();
                }
                Action::Report(report) => note_turn(&self.entry, self.began.elapsed(), report).await,
                Action::Save => {
                    self.helpers.language_news = true;
                    let mut session = self.entry.session.lock().await;
                    // A call that goes on in gather already is no longer this task's.
                    if session.mode == Mode::Stream {
                        session.conversation = self.call.conversation().clone();
                        self.board.save_nowait(&self.entry, &mut session);
                    }
                }
                Action::Close(how) => closing = closing.or(Some(how)),
            }
        }
        self.helpers.follow_language(&self.board, &self.agent, self.call.conversation().language());
        if written && !matches!(timeout(STALLED, self.socket.flush()).await, Ok(Ok(()))) {
            // Nobody takes our audio any more.
            let mut last = Vec::new();
            self.handle(Event::Stop(Stop::Lost), &mut last);
            closing = Some(Closing::Gone);
        }
        closing
    }

    /// Leaves the call in the state that `/stream-ended` needs, then closes the socket.
    async fn leave(mut self, closing: Option<Closing>) {
        let mut session = self.entry.session.lock().await;
        // A stream that died without a word may be told so only after the call has gone on in gather: then it knows less.
        if session.mode == Mode::Stream {
            session.conversation = self.call.conversation().clone();
            session.next = match closing {
                Some(Closing::Ended(ending)) => Some(Next::End(ending)),
                Some(Closing::Gather(unheard)) => Some(Next::Gather(unheard.into_iter().map(unsaid).collect())),
                Some(Closing::Gone) | None => None,
            };
        }
        if session.ended_at.is_some() {
            // The call's end was told before the socket's.
            session.conversation.ended_outside(true);
        } else if session.conversation.stage() == Stage::Completed && session.end(true) {
            self.board.over(&session);
        }
        if let Some(recorder) = self.recorder.take() {
            recorder.close();
        }
        self.board.save(&self.entry, &mut session).await;
        self.entry.streaming.send_replace(false);
        drop(session);
        info!(ignored = self.call.ignored, "stream ended");
        self.helpers.stop();
        let frame = CloseFrame { code: close_code::NORMAL, reason: "".into() };
        timeout(CLOSE, async {
            // The other side may be gone already; then there is nobody to tell.
            self.socket.send(Message::Close(Some(frame))).await.ok();
            while let Some(Ok(_)) = self.socket.recv().await {}
        })
        .await
        .ok();
    }
}

impl Helpers {
    fn start(board: &Switchboard, agent: &Agent, language: Option<&str>) -> Self {
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
            unheard: Vec::with_capacity(EARS_FRAMES),
            ears_out,
            ears,
            ears_language,
            owed: 0,
            language_news: false,
            voice_in,
            voice_out,
            voice_tx,
            mind: None,
            collecting: HashMap::new(),
            voices,
        }
    }

    /// Gives the recogniser a frame, in batches; the core says when there is a hurry.
    fn listen(&mut self, frame: Frame) {
        self.unheard.push(frame);
        if self.unheard.len() >= EARS_FRAMES {
            self.tell_ears(None);
        }
    }

    /// Gives the recogniser what it has not got yet.
    fn tell_ears(&mut self, last: Option<EarsInput>) {
        let dropped = self
            .unheard
            .drain(..)
            .map(EarsInput::Audio)
            .chain(last)
            .filter_map(|input| self.ears_in.try_send(input).err())
            .filter(|refused| matches!(refused, TrySendError::Full(_)))
            .count();
        if dropped > 0 {
            counter!(telemetry::FRAMES_DROPPED, "queue" => "ears").increment(dropped as u64);
        }
    }

    /// Once the language is chosen, the recogniser is told; not before it has given the words that it owes, for they may be the choice.
    fn follow_language(&mut self, board: &Switchboard, agent: &Agent, language: Option<&str>) {
        if !self.language_news || self.owed > 0 {
            return;
        }
        self.language_news = false;
        let Some(code) = language else { return };
        let wanted = agent.language_or_first(Some(code)).iso639();
        if wanted != self.ears_language {
            wanted.clone_into(&mut self.ears_language);
            self.owed = 0;
            (self.ears_in, self.ears_out, self.ears) = open_ears(board, wanted);
        }
    }

    fn ask(&mut self, board: &Switchboard, turn: u32, prompt: Prompt) {
        let (out, pieces) = mpsc::channel(MIND_PIECES);
        let task = match board.parts().mind.clone() {
            Some(mind) => board.tracker().spawn(async move { mind.reply(&prompt, out).await }),
            None => board.tracker().spawn(async { Ok(()) }),
        };
        if let Some(old) = self.mind.replace(Asked { turn, pieces, task }) {
            old.task.abort();
        }
    }

    fn drop_mind(&mut self, turn: u32) {
        if let Some(asked) = self.mind.take_if(|asked| asked.turn <= turn) {
            asked.task.abort();
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one action")]
    async fn speak(
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
        if fixed {
            let key = key(language, &text, SpeechForm::Ulaw);
            if let Some(audio) = board.kept_speech(&key).await {
                self.hand_in(board, turn, clause, audio);
                return;
            }
            self.collecting.insert((turn, clause), (key, Vec::new()));
        }
        let Some(voice) = self.voices.get(&language.code).cloned() else { return };
        if !board.breakers().voice.allows() {
            self.voice_tx.try_send(VoiceEvent::Failed { turn, clause, error: left_alone() }).ok();
            return;
        }
        let utterance = Utterance { turn, clause, text, voice };
        if self.voice_in.try_send(VoiceInput::Speak(utterance)).is_err() {
            let error = ProviderError {
                vendor: "elevenlabs",
                kind: crate::provider::ProviderErrorKind::Broken,
                what: "the voice takes no more clauses".to_owned(),
            };
            self.voice_tx.try_send(VoiceEvent::Failed { turn, clause, error }).ok();
        }
    }

    /// Kept speech goes the way of fresh speech, in one piece.
    fn hand_in(&self, board: &Switchboard, turn: u32, clause: u32, audio: Bytes) {
        let events = [VoiceEvent::Audio { turn, clause, audio }, VoiceEvent::Done { turn, clause }];
        for event in events {
            if let Err(TrySendError::Full(event)) = self.voice_tx.try_send(event) {
                let out = self.voice_tx.clone();
                board.tracker().spawn(async move { out.send(event).await.is_ok() });
            }
        }
    }

    fn stop(self) {
        self.ears.abort();
        if let Some(asked) = self.mind {
            asked.task.abort();
        }
    }
}

type OpenEars = (mpsc::Sender<EarsInput>, mpsc::Receiver<EarsEvent>, JoinHandle<Result<(), ProviderError>>);

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
    (ears_in, ears_out, task)
}

async fn next_piece(mind: &mut Option<Asked>) -> Option<String> {
    match mind {
        Some(asked) => asked.pieces.recv().await,
        None => std::future::pending().await,
    }
}

/// Puts a message on the socket's buffer; false if nobody takes it any more.
async fn feed(socket: &mut WebSocket, text: &str) -> bool {
    matches!(timeout(STALLED, socket.feed(Message::Text(text.into()))).await, Ok(Ok(())))
}

async fn note_turn(entry: &Entry, age: Duration, report: TurnReport) {
    if report.mind_failed {
        counter!(telemetry::PROVIDER_FALLBACKS, "part" => "mind", "to" => "understand").increment(1);
    }
    if report.speculated {
        counter!(telemetry::SPECULATIONS, "outcome" => "used").increment(1);
    }
    if report.wasted_starts > 0 {
        counter!(telemetry::SPECULATIONS, "outcome" => "wasted").increment(report.wasted_starts.into());
    }
    if report.interrupted_ms.is_some() {
        counter!(telemetry::BARGE_INS, "outcome" => "interrupted").increment(1);
    }
    let mut session = entry.session.lock().await;
    telemetry::timeline::note(&session.call_sid, age, &report);
    if session.turns.len() < MAX_TURNS_KEPT {
        session.turns.push(json!(report));
    }
}

fn unsaid(unheard: Unheard) -> Unsaid {
    Unsaid { text: unheard.text, language: unheard.language, fixed: unheard.fixed }
}

/// Frames given to the recogniser's task at a time while nobody speaks: 200 ms.
const EARS_FRAMES: usize = 10;
/// Frames for a recogniser that does not keep up: 1.3 s of audio.
const EARS_QUEUE: usize = 64;
const EARS_EVENTS: usize = 16;
const VOICE_QUEUE: usize = 32;
const VOICE_EVENTS: usize = 32;
const MIND_PIECES: usize = 32;
/// mu-law bytes of one fixed clause that are collected for the cache: a minute.
const MAX_COLLECTED: usize = 480_000;
/// A socket that takes nothing for so long is dead.
const STALLED: Duration = Duration::from_secs(2);
const CLOSE: Duration = Duration::from_secs(2);
