//! The one task that drives a streamed call: socket, recogniser, mind, voice and time become events; actions are carried out.
//!
//! It decides nothing. What goes to the vendors and comes from them is in `upstream`. Every queue is bounded: a phone line that takes
//! no more audio is a dead line.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use metrics::{counter, histogram};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info, warn};

use super::bell::Bell;
use super::entry::{Entry, MAX_TURNS_KEPT, Next, Session, Unsaid};
use super::intake::Intake;
use super::speech::note;
use super::switchboard::Switchboard;
use super::upstream::{Upstream, next_piece};
use crate::agent::{Agent, Mode};
use crate::audio::FRAME_SAMPLES;
use crate::call::{Action, Call, Closing, Event, Stop, TurnReport, Unheard};
use crate::conversation::Stage;
use crate::provider::{EarsEvent, EarsInput, VoiceEvent};
use crate::store::recording::Recorder;
use crate::telemetry;
use crate::twilio::StreamSid;
use crate::twilio::media::{self, Start};

/// Drives one streamed call from its `start` to its end.
pub(super) async fn run(board: Switchboard, entry: Arc<Entry>, start: Start, socket: WebSocket) {
    let _left = Left(Arc::clone(&entry));
    let mut session = entry.session.lock().await;
    let driver = Driver::new(board, Arc::clone(&entry), &mut session, start, socket);
    drop(session);
    driver.drive().await;
}

/// Whatever becomes of the task, nobody waits for a stream that is no more.
struct Left(Arc<Entry>);

impl Drop for Left {
    fn drop(&mut self) {
        if self.0.streaming.send_if_modified(std::mem::take) {
            warn!("the task of a streamed call failed");
        }
    }
}

struct Driver {
    board: Switchboard,
    entry: Arc<Entry>,
    agent: Arc<Agent>,
    stream_sid: StreamSid,
    socket: WebSocket,
    began: Instant,
    call: Call,
    upstream: Upstream,
    recorder: Option<Recorder>,
    intake: Intake,
    /// Rings for all but the socket.
    bell: Bell,
    greeted: bool,
}

/// What woke the task.
enum Woken {
    Socket(Option<Result<Message, axum::Error>>),
    Ears(Option<EarsEvent>),
    Voice(VoiceEvent),
    Mind(Option<String>),
    Told(Stop),
    Time,
}

impl Driver {
    /// In a box, and not made in the task itself: a future that holds it would keep room for its parts several times over.
    fn new(board: Switchboard, entry: Arc<Entry>, session: &mut Session, start: Start, socket: WebSocket) -> Box<Self> {
        let agent = session.agent.clone();
        let recorded = board.records(&agent);
        let recorder =
            board.parts().recordings.as_ref().filter(|_| recorded).map(|recordings| recordings.open(&start.call_sid));
        if recorder.is_some() {
            session.recording = Some(format!("{}.ogg", start.call_sid));
        }
        let call = Call::new(agent.clone(), session.conversation.clone(), session.local(), recorder.is_some());
        info!(stream_sid = %start.stream_sid, "stream started");
        let upstream = Upstream::start(&board, &agent, call.conversation().language());
        Box::new(Self {
            board,
            entry,
            agent,
            stream_sid: start.stream_sid,
            socket,
            began: Instant::now(),
            call,
            upstream,
            recorder,
            intake: Intake::default(),
            bell: Bell::new(),
            greeted: false,
        })
    }

    async fn drive(mut self: Box<Self>) {
        let mut actions = Vec::new();
        self.handle(Event::Started, &mut actions);
        // What is waited for in every turn of the loop is made once: fifty frames a second come by here.
        let mut orders = self.orders();
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
                self.bell.ring();
            }
            let upstream = &mut self.upstream;
            let others = async {
                tokio::select! {
                    biased;
                    Some(stop) = orders.next() => Woken::Told(stop),
                    Some(event) = upstream.voice_out.recv() => Woken::Voice(event),
                    event = upstream.ears_out.recv() => Woken::Ears(event),
                    piece = next_piece(&mut upstream.mind) => Woken::Mind(piece),
                    () = &mut alarm, if set_for.is_some() => Woken::Time,
                }
            };
            let woken = tokio::select! {
                biased;
                woken = self.bell.rung(others) => woken,
                message = self.socket.recv() => Woken::Socket(message),
            };
            match woken {
                Woken::Told(stop) => self.handle(Event::Stop(stop), &mut actions),
                Woken::Socket(message) => self.message(message, &mut actions),
                Woken::Voice(event) => self.voice(event, &mut actions).await,
                Woken::Ears(Some(EarsEvent::Partial(text))) => self.handle(Event::Partial(&text), &mut actions),
                Woken::Ears(Some(EarsEvent::Final(text))) => {
                    self.upstream.owed = self.upstream.owed.saturating_sub(1);
                    self.handle(Event::Final(&text), &mut actions);
                }
                Woken::Ears(None) => self.ears_ended(&mut actions).await,
                Woken::Mind(Some(text)) => {
                    let turn = self.upstream.mind.as_ref().map_or(0, |mind| mind.turn);
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
        Box::pin(self.leave(closing)).await;
    }

    /// What may be told from outside, each once. One that was not told yet costs next to nothing to wait for.
    fn orders(&self) -> FuturesUnordered<BoxFuture<'static, Stop>> {
        let (entry, goodbye) = (&self.entry, self.board.goodbye().clone());
        let tokens =
            [(entry.hang_up.clone(), Stop::HangUp), (entry.lost.clone(), Stop::Lost), (goodbye, Stop::Draining)];
        tokens.into_iter().map(|(token, stop)| token.cancelled_owned().map(move |()| stop).boxed()).collect()
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
        let now = self.began.elapsed();
        self.intake.message(&text, &self.stream_sid, now, &mut self.call, actions);
    }

    async fn voice(&mut self, event: VoiceEvent, actions: &mut Vec<Action>) {
        match event {
            VoiceEvent::Audio { turn, clause, audio } => {
                if let Some((_, bytes)) = self.upstream.collecting.get_mut(&(turn, clause))
                    && bytes.len() < MAX_COLLECTED
                {
                    bytes.extend_from_slice(&audio);
                }
                self.handle(Event::SpeechAudio { turn, clause, audio }, actions);
            }
            VoiceEvent::Letters { turn, clause, ends_ms } => {
                self.handle(Event::SpeechLetters { turn, clause, ends_ms: &ends_ms }, actions);
            }
            VoiceEvent::Done { turn, clause, pure } => {
                if let Some((key, bytes)) = self.upstream.collecting.remove(&(turn, clause))
                    && pure
                    && !bytes.is_empty()
                {
                    let cache = self.board.speech_cache().clone();
                    self.board.tracker().spawn(async move { cache.put(&key, bytes.into()).await });
                }
                self.handle(Event::SpeechDone { turn, clause }, actions);
            }
            VoiceEvent::Failed { turn, clause, error } => {
                note(&error);
                self.upstream.collecting.remove(&(turn, clause));
                self.handle(Event::SpeechFailed { turn, clause }, actions);
            }
        }
    }

    async fn ears_ended(&mut self, actions: &mut Vec<Action>) {
        if let Ok(Err(error)) = (&mut self.upstream.ears).await {
            note(&error);
        }
        counter!(telemetry::PROVIDER_FALLBACKS, "part" => "ears", "to" => "gather").increment(1);
        self.handle(Event::EarsLost, actions);
    }

    async fn mind_ended(&mut self, actions: &mut Vec<Action>) {
        let Some(asked) = self.upstream.mind.take() else { return };
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
                    written = true;
                    for piece in audio.chunks(MEDIA_BYTES) {
                        if !feed(&mut self.socket, media::media_message(&self.stream_sid, piece)).await {
                            closing = Some(Closing::Gone);
                            break;
                        }
                    }
                    if !self.greeted {
                        self.greeted = true;
                        histogram!(telemetry::GREETING_SECONDS).record(self.began.elapsed().as_secs_f64());
                    }
                }
                Action::SendMark(mark) => {
                    written = true;
                    if !feed(&mut self.socket, media::mark_message(&self.stream_sid, &mark.to_string())).await {
                        closing = Some(Closing::Gone);
                    }
                }
                Action::Clear => {
                    if let Some(lasts) = self.call.voice_lasts() {
                        histogram!(telemetry::CLEAR_SECONDS).record(lasts.as_secs_f64());
                    }
                    written = true;
                    if !feed(&mut self.socket, media::clear_message(&self.stream_sid)).await {
                        closing = Some(Closing::Gone);
                    }
                }
                Action::Listen(frame) => self.upstream.ears_in.listen(&frame),
                Action::ListenNow => self.upstream.ears_in.tell(EarsInput::Now),
                Action::Commit => self.upstream.ears_in.tell(EarsInput::Commit),
                Action::Record { caller, agent } => {
                    if let Some(recorder) = &mut self.recorder {
                        recorder.push(caller, agent);
                    }
                }
                Action::AskMind { turn, prompt } => {
                    self.upstream.ask(&self.board, turn, prompt);
                    self.bell.ring();
                }
                Action::DropMind { turn } => self.upstream.drop_mind(turn),
                Action::Speak { turn, clause, text, language, fixed } => {
                    self.upstream.speak(&self.board, &self.agent, turn, clause, text, &language, fixed).await;
                }
                Action::DropSpeech { turn } => self.upstream.drop_speech(turn),
                Action::Report(report) => note_turn(&self.entry, self.began.elapsed(), report).await,
                Action::Save => {
                    self.upstream.language_news = true;
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
        if self.upstream.language_news
            && self.upstream.follow_language(&self.board, &self.agent, self.call.conversation().language())
        {
            self.bell.ring();
        }
        if written && !matches!(timeout(STALLED, self.socket.flush()).await, Ok(Ok(()))) {
            // Nobody takes our audio any more.
            counter!(telemetry::QUEUES_FULL, "queue" => "line").increment(1);
            let mut last = Vec::new();
            self.handle(Event::Stop(Stop::Lost), &mut last);
            closing = Some(Closing::Gone);
        }
        closing
    }

    /// Leaves the call in the state that `/stream-ended` needs, then closes the socket.
    async fn leave(mut self: Box<Self>, closing: Option<Closing>) {
        let mut session = self.entry.session.lock().await;
        let refused = session.conversation.calls_refused();
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
            if !refused {
                self.board.keep_refusal(&session);
            }
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
        self.upstream.stop();
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

/// Puts a message on the socket's buffer; false if nobody takes it any more.
async fn feed(socket: &mut WebSocket, text: String) -> bool {
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
    if report.resumed > 0 {
        counter!(telemetry::BARGE_INS, "outcome" => "resumed").increment(report.resumed.into());
    }
    let mut session = entry.session.lock().await;
    telemetry::timeline::note(&session.call_sid, age, &report);
    if session.turns.len() < MAX_TURNS_KEPT {
        session.turns.push(report);
    }
}

fn unsaid(unheard: Unheard) -> Unsaid {
    Unsaid { text: unheard.text, language: unheard.language, fixed: unheard.fixed }
}

/// mu-law bytes of one fixed clause that are collected for the cache: a minute.
const MAX_COLLECTED: usize = 480_000;
/// Audio of one message at most, 160 ms: the socket keeps room for the largest.
const MEDIA_BYTES: usize = 8 * FRAME_SAMPLES;
/// A socket that takes nothing for so long is dead.
const STALLED: Duration = Duration::from_secs(2);
const CLOSE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{Conversation, Opening};
    use crate::provider::elevenlabs::ears::Ears;
    use crate::provider::elevenlabs::voice::Voice;

    fn of_four<A, B, C, D, F>(_: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    fn of_five<A, B, C, D, E, F>(_: impl Fn(A, B, C, D, E) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_task_that_ends_without_a_word_is_waited_for_no_longer() {
        let agent = Arc::new(crate::agent::parse("quick.toml", include_str!("../../tests/server/quick.toml")).unwrap());
        let conversation = Conversation::new(&agent, Opening::default());
        let entry = Arc::new(Entry::new(Session::of_test(agent, conversation)));
        entry.streaming.send_replace(true);
        drop(Left(Arc::clone(&entry)));
        assert!(!*entry.streaming.borrow());
    }

    #[test]
    fn what_lives_as_long_as_a_call_keeps_little_room() {
        let sizes = [
            ("task of the stream", of_four(run)),
            ("its driver", size_of::<Driver>()),
            ("ears", of_five(Ears::transcribe)),
            ("voice", of_four(Voice::speak)),
        ];
        // Unoptimised futures are the larger ones.
        let all: usize = sizes.iter().map(|(_, size)| size).sum();
        assert!(all <= 11 * 1_024, "{all} bytes: {sizes:?}");
    }
}
