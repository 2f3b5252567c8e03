//! Words to sound: the cache, the vendor's voice by its first model or its second, and Twilio's own where all fail.
//!
//! Invariant: a file is kept under the key of the model that made it.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use metrics::counter;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout_at};

use super::switchboard::Switchboard;
use crate::agent::text::fill;
use crate::agent::{Agent, Language};
use crate::conversation::clause;
use crate::provider::breaker::Circuit;
use crate::provider::elevenlabs::chain::Link;
use crate::provider::elevenlabs::voice::Voice;
use crate::provider::{ProviderError, SpeechFormat, VoiceSpec};
use crate::store::speech_cache::{SpeechForm, SpeechKey};
use crate::telemetry;
use crate::twilio::twiml::{Prompt, Say};
use crate::understand;

/// How a language sounds, in the vendor's terms.
pub(super) fn voice_spec(language: &Language) -> VoiceSpec {
    let voice = &language.voice;
    VoiceSpec {
        voice_id: voice.voice_id.clone(),
        model_id: voice.model_id.clone(),
        language: language.iso639().to_owned(),
        stability: voice.stability,
        similarity_boost: voice.similarity_boost,
        speed: voice.speed,
    }
}

/// The cache's key of words that are ready to be spoken.
pub(super) fn key(language: &Language, speakable: &str, form: SpeechForm) -> SpeechKey {
    let voice = &language.voice;
    SpeechKey {
        text: speakable.to_owned(),
        voice_id: voice.voice_id.clone(),
        model_id: voice.model_id.clone(),
        settings: format!(
            "stability={} similarity_boost={} speed={}",
            voice.stability, voice.similarity_boost, voice.speed
        ),
        language: language_name(language).to_owned(),
        form,
    }
}

/// The last part of a cached file's name.
fn language_name(language: &Language) -> &str {
    match language.iso639() {
        "bn" => "bengali",
        "en" => "english",
        "gu" => "gujarati",
        "hi" => "hindi",
        "kn" => "kannada",
        "ml" => "malayalam",
        "mr" => "marathi",
        "pa" => "punjabi",
        "ta" => "tamil",
        "te" => "telugu",
        _ => &language.code,
    }
}

impl Switchboard {
    /// Words for `<Gather>`: cached speech where there is some or the voice gives it by then, else Twilio's own voice.
    pub(super) async fn prompts(&self, agent: &Agent, says: &[(String, String)], by: Instant) -> Vec<Prompt> {
        join_all(says.iter().map(|(text, code)| async move {
            let language = agent.language_or_first(Some(code));
            let speakable = understand::speakable(text, &language.code);
            match self.mp3(language, &speakable, by).await {
                Some(url) => Prompt::Play { url },
                None => Prompt::Say(Say {
                    text: speakable,
                    voice: Some(language.twilio_voice.clone()),
                    language: language.code.clone(),
                }),
            }
        }))
        .await
    }

    /// The address of words as a file: kept, by the first model, or by the second, which has half of the time.
    async fn mp3(&self, language: &Language, speakable: &str, by: Instant) -> Option<String> {
        let voice = self.parts().voice.as_ref()?;
        let first_spec = voice_spec(language);
        let second_spec = voice.second(&first_spec);
        let now = Instant::now();
        let half = now + by.saturating_duration_since(now) / 2;
        let mut first = Some(self.file(voice, Link::First, first_spec, key(language, speakable, SpeechForm::Mp3)));
        if let Some(rendering) = &mut first
            && let Ok(done) = timeout_at(if second_spec.is_some() { half } else { by }, rendering).await
        {
            if let Some(file) = file_of(done) {
                return Some(self.address_of(&file));
            }
            first = None;
        }
        let spoken = match second_spec {
            None => None,
            Some(spec) => {
                let key = SpeechKey { model_id: spec.model_id.clone(), ..key(language, speakable, SpeechForm::Mp3) };
                if voice.circuit(Link::Second) != Circuit::Open {
                    counter!(telemetry::PROVIDER_FALLBACKS, "part" => "voice", "to" => "model").increment(1);
                }
                let second = self.file(voice, Link::Second, spec, key);
                timeout_at(by, either(first, second)).await.ok().flatten()
            }
        };
        if spoken.is_none() {
            counter!(telemetry::PROVIDER_FALLBACKS, "part" => "voice", "to" => "say").increment(1);
        }
        spoken.map(|file| self.address_of(&file))
    }

    fn address_of(&self, file: &str) -> String {
        format!("{}/audio/{file}", self.config().public_url)
    }

    /// The name of a file that is kept, or rendered now, on a task of its own: a rendering that is paid for is finished and kept, also
    /// when this answer cannot wait for it.
    fn file(&self, voice: &Voice, link: Link, spec: VoiceSpec, key: SpeechKey) -> Rendering {
        let (voice, cache) = (voice.clone(), self.speech_cache().clone());
        self.tracker().spawn(async move {
            let render = voice.render_now(link, &key.text, &spec, SpeechFormat::Mp3);
            cache.get_or_render(&key, render).await.map(|(_, file)| file)
        })
    }

    /// Whether some language of the agent's has no voice now, because all its models are left alone.
    pub(super) fn is_voiceless(&self, agent: &Agent) -> bool {
        let Some(voice) = &self.parts().voice else { return true };
        agent.languages.iter().any(|language| voice.is_left_alone(&voice_spec(language)))
    }

    /// Of words that are about to be said in a call, the files of cached speech that say something of this call alone.
    pub(super) fn private_speech(&self, agent: &Agent, says: &[(String, String)]) -> Vec<String> {
        let Some(voice) = &self.parts().voice else { return Vec::new() };
        let keys = says.iter().flat_map(|(text, code)| {
            let language = agent.language_or_first(Some(code));
            let first = key(language, &understand::speakable(text, &language.code), SpeechForm::Mp3);
            let everybodys = self.is_everybodys(&first.file_name());
            let second = voice.second(&voice_spec(language));
            let second = second.map(|spec| SpeechKey { model_id: spec.model_id, ..first.clone() });
            [Some(first), second].into_iter().flatten().filter(move |_| !everybodys)
        });
        keys.map(|key| key.file_name()).collect()
    }

    /// Renders every fixed text of every agent ahead, a few at a time, so that no caller waits for them; again later what the voice
    /// does not give. Variables have their defaults; a text with others is rendered when it is first said.
    pub(super) async fn render_ahead(&self) {
        let Some(voice) = self.parts().voice.clone() else { return };
        let agents = self.agents();
        let mut rest = FIRST_REST;
        while !self.all_rendered(&voice, &agents).await {
            tracing::warn!(seconds = rest.as_secs(), "fixed texts are not all rendered; tried again later");
            tokio::time::sleep(rest).await;
            rest = (rest * 2).min(LONGEST_REST);
            if !Arc::ptr_eq(&agents, &self.agents()) {
                // The agents that came after them have a task of their own.
                return;
            }
        }
        tracing::info!("every fixed text is rendered");
    }

    /// False once a few texts have failed, or while the voice is left alone.
    async fn all_rendered(&self, voice: &Voice, agents: &[Arc<Agent>]) -> bool {
        let texts: Vec<_> = agents.iter().flat_map(|agent| fixed_texts(agent)).collect();
        let rendering = texts.into_iter().map(|(speakable, key, spec)| async move {
            if voice.circuit(Link::First) == Circuit::Open {
                return false;
            }
            let format = match key.form {
                SpeechForm::Mp3 => SpeechFormat::Mp3,
                SpeechForm::Ulaw => SpeechFormat::Ulaw,
            };
            let render = async { voice.render(&speakable, &spec, format).await };
            let rendered = self.speech_cache().get_or_render(&key, render).await;
            rendered.inspect_err(note).is_ok()
        });
        let mut rendering = pin!(stream::iter(rendering).buffer_unordered(AT_A_TIME));
        let mut failures = 0;
        while let Some(rendered) = rendering.next().await {
            failures += u32::from(!rendered);
            if failures > MAX_FAILURES_AHEAD {
                return false;
            }
        }
        failures == 0
    }

    /// Fixed speech for a stream, if it is kept.
    pub(super) async fn kept_speech(&self, key: &SpeechKey) -> Option<Bytes> {
        if let Some(hot) = self.speech_cache().get_hot(key) {
            return Some(hot);
        }
        self.speech_cache().get(key).await
    }
}

/// The names of the files of all speech that is the same for every caller.
pub(super) fn everybodys(agents: &[Arc<Agent>]) -> HashSet<String> {
    agents.iter().flat_map(|agent| fixed_texts(agent)).map(|(_, key, _)| key.file_name()).collect()
}

/// What the agent says word for word, ready to be spoken, in the forms of both modes.
fn fixed_texts(agent: &Agent) -> Vec<(String, SpeechKey, Arc<VoiceSpec>)> {
    let mut all = Vec::new();
    for language in &agent.languages {
        let spec = Arc::new(voice_spec(language));
        let questions = agent.fields.iter().filter_map(|field| field.question.get(&language.code));
        let texts = language.texts.all().filter(|(name, _)| *name != "read_back").map(|(_, text)| text);
        for text in texts.chain(questions.map(String::as_str)) {
            let filled = fill(text, &agent.variables);
            let sentences = clause::sentences(&filled).map(|sentence| (sentence, SpeechForm::Ulaw));
            all.extend(sentences.chain([(filled.as_str(), SpeechForm::Mp3)]).map(|(text, form)| {
                let speakable = understand::speakable(text, &language.code);
                let key = key(language, &speakable, form);
                (speakable, key, spec.clone())
            }));
        }
    }
    all
}

/// A file that is on its way: its name, or why there is none.
type Rendering = JoinHandle<Result<String, ProviderError>>;

/// The name that came of it; a failure is told.
fn file_of(done: Result<Result<String, ProviderError>, JoinError>) -> Option<String> {
    done.ok()?.inspect_err(note).ok()
}

/// The first of the two that gives a file.
async fn either(first: Option<Rendering>, mut second: Rendering) -> Option<String> {
    let Some(mut first) = first else { return file_of(second.await) };
    tokio::select! {
        biased;
        done = &mut first => match file_of(done) {
            Some(file) => Some(file),
            None => file_of(second.await),
        },
        done = &mut second => match file_of(done) {
            Some(file) => Some(file),
            None => file_of(first.await),
        },
    }
}

/// Logs a vendor's failure; it was counted where it happened.
pub(super) fn note(error: &ProviderError) {
    tracing::warn!(%error, "a vendor failed");
}

/// How long a webhook waits for speech before Twilio's own voice says it.
pub(super) const RENDER: Duration = Duration::from_millis(1_500);
/// How long it waits where the voice has just failed: for what is kept.
pub(super) const KEPT: Duration = Duration::from_millis(150);
/// From the request to the answer, whatever the mind took of it: the caller waits three seconds at most.
pub(super) const SPOKEN: Duration = Duration::from_millis(2_600);
const MAX_FAILURES_AHEAD: u32 = 3;
/// Fixed texts asked of the voice at a time, while calls may want it too.
const AT_A_TIME: usize = 3;
/// Until fixed texts that the voice did not give are tried again, at first and at most.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(300);
