//! Speaking by ElevenLabs: clauses in, mu-law out, over one multi-context socket a call (`line.rs`), with HTTP behind it.
//!
//! It knows no turn-taking: it speaks what it is given and forgets what is cancelled. Key type: [`Voice`]. Invariants: each clause
//! ends in exactly one `Done` or `Failed` unless its turn is cancelled, and then nothing more of it is heard; a clause is tried
//! twice at most (the first model, then the second, where there is one; else the socket, then HTTP). Of a clause that broke off only
//! the words not heard yet are spoken by the second model, and only where the vendor told which those are. Clauses may be made side
//! by side: audio is in order within a clause, not across clauses.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::ElevenLabsConfig;
use super::chain::{Chain, Link, left_alone};
use super::desk::Desk;
use super::speech::{Tries, check, render};
use crate::provider::breaker::{Breaker, Circuit};
use crate::provider::{ProviderError, SpeechFormat, VoiceEvent, VoiceInput, VoiceSpec};

/// A synthesiser. One serves any number of calls.
#[derive(Clone, Debug)]
pub struct Voice {
    config: Arc<ElevenLabsConfig>,
    client: reqwest::Client,
    chain: Chain,
}

impl Voice {
    /// A voice that speaks over sockets of its own and over `client` (see [`crate::provider::http_client`]).
    pub fn new(config: ElevenLabsConfig, client: reqwest::Client) -> Self {
        let chain = Chain::new(config.fallback_model.as_deref());
        Self { config: Arc::new(config), client, chain }
    }

    /// For each model whether it is asked, or left alone because it keeps failing: the first, and the fallback where there is one.
    pub fn breakers(&self) -> impl Iterator<Item = &Breaker> {
        self.chain.circuits()
    }

    /// How one model's circuit is now.
    pub fn circuit(&self, link: Link) -> Circuit {
        self.chain.circuit(link).circuit()
    }

    /// Whether nobody would be asked to speak so: the first model is left alone, and there is no second one for this voice, or it is
    /// left alone too.
    pub fn is_left_alone(&self, voice: &VoiceSpec) -> bool {
        self.chain.is_left_alone(voice)
    }

    /// This voice by the second model; `None` where there is none that speaks the language.
    pub fn second(&self, voice: &VoiceSpec) -> Option<VoiceSpec> {
        self.chain.second(voice)
    }

    /// Speaks one call's clauses. `warm` is the voice whose socket is opened at once, so that the first clause need not wait for it;
    /// a clause in another voice, model or language gets another socket in its place.
    ///
    /// Ends when `input` has closed and all was spoken, or when nobody listens any more. Failures are told clause by clause.
    pub async fn speak(
        &self,
        warm: Option<&VoiceSpec>,
        input: mpsc::Receiver<VoiceInput>,
        out: mpsc::Sender<VoiceEvent>,
    ) {
        let mut desk = Desk::new(&self.config, &self.client, &self.chain);
        if let Some(voice) = warm {
            desk.warm(voice);
        }
        desk.run(input, out).await;
    }

    /// Renders a whole file for the cache, at most 8 MB, within [`ElevenLabsConfig::render_timeout`]. A 429 is asked once more after
    /// a pause of chance length, a failing vendor once more at once. Nobody waits for it: circuits neither stop it nor are told.
    pub async fn render(&self, text: &str, voice: &VoiceSpec, format: SpeechFormat) -> Result<Bytes, ProviderError> {
        render(&self.config, &self.client, voice, text, format, Tries::Two).await.map_err(ProviderError::counted)
    }

    /// The same for a caller who waits, unless the model is left alone. Where a second model can take over, one that fails is not asked
    /// again. `voice` is as that link speaks (see [`Voice::second`]).
    pub async fn render_now(
        &self,
        link: Link,
        text: &str,
        voice: &VoiceSpec,
        format: SpeechFormat,
    ) -> Result<Bytes, ProviderError> {
        let circuit = self.chain.circuit(link);
        if !circuit.allows() {
            return Err(left_alone());
        }
        let alone = link == Link::First && !self.chain.has_second(voice);
        let tries = if alone { Tries::Two } else { Tries::One };
        let rendered = render(&self.config, &self.client, voice, text, format, tries).await;
        let rendered = rendered.map_err(|error| link.blamed(error).counted());
        match &rendered {
            Ok(_) => circuit.succeeded(),
            Err(error) => circuit.failed(error),
        }
        rendered
    }

    /// Asks the vendor whether it takes the key, within [`ElevenLabsConfig::first_audio_timeout`]; leaves a warm connection behind.
    pub async fn check(&self) -> Result<(), ProviderError> {
        check(&self.config, &self.client).await
    }
}
