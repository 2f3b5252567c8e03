//! The models of one voice in their order: the language's own first, a second one where the first fails, each with its own circuit.
//!
//! It asks nobody: it says who may be asked. Key types: `Chain`, [`Link`]. Invariant: a language is never given to a model that
//! does not speak it.

use std::sync::Arc;

use crate::agent;
use crate::provider::breaker::{Breaker, Circuit};
use crate::provider::{ProviderError, ProviderErrorKind, VoiceSpec};
use crate::telemetry;

/// A place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The model that the agent's file names.
    First,
    /// [`super::ElevenLabsConfig::fallback_model`].
    Second,
}

impl Link {
    /// The vendor's name in errors and metrics: those of the second model are told apart.
    pub(super) fn vendor(self) -> &'static str {
        match self {
            Self::First => super::VENDOR,
            Self::Second => "elevenlabs_fallback",
        }
    }

    /// An error of this link's model.
    pub(super) fn blamed(self, error: ProviderError) -> ProviderError {
        ProviderError { vendor: self.vendor(), ..error }
    }
}

/// Which models there are and which of them are left alone. Cheap to clone; clones share the circuits.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    second: Option<Arc<str>>,
    first_circuit: Breaker,
    second_circuit: Breaker,
}

impl Chain {
    pub(super) fn new(second: Option<&str>) -> Self {
        Self {
            second: second.map(Arc::from),
            first_circuit: Breaker::new("voice"),
            second_circuit: Breaker::new("voice_fallback"),
        }
    }

    pub(super) fn circuit(&self, link: Link) -> &Breaker {
        match link {
            Link::First => &self.first_circuit,
            Link::Second => &self.second_circuit,
        }
    }

    /// The circuits of all models there are, the first's first.
    pub(super) fn circuits(&self) -> impl Iterator<Item = &Breaker> {
        let second = self.second.as_ref().map(|_| &self.second_circuit);
        std::iter::once(&self.first_circuit).chain(second)
    }

    /// This voice by the second model; `None` where there is none, or it is the first, or it does not speak the language.
    pub(super) fn second(&self, voice: &VoiceSpec) -> Option<VoiceSpec> {
        self.second_model(voice).map(|model| VoiceSpec { model_id: model.to_owned(), ..voice.clone() })
    }

    /// Whether the second model would take over now.
    pub(super) fn has_second(&self, voice: &VoiceSpec) -> bool {
        self.second_model(voice).is_some() && self.second_circuit.circuit() != Circuit::Open
    }

    /// Who is to speak something new. `None`: all are left alone.
    pub(super) fn pick(&self, voice: &VoiceSpec) -> Option<Pick> {
        if self.first_circuit.allows() { Some(Pick::First) } else { self.take_over(voice).map(Pick::Second) }
    }

    /// This voice by the second model, if that is asked now; counted.
    pub(super) fn take_over(&self, voice: &VoiceSpec) -> Option<VoiceSpec> {
        let second = self.second(voice).filter(|_| self.second_circuit.allows())?;
        metrics::counter!(telemetry::PROVIDER_FALLBACKS, "part" => "voice", "to" => "model").increment(1);
        Some(second)
    }

    /// Whether nobody would be asked for this voice.
    pub(super) fn is_left_alone(&self, voice: &VoiceSpec) -> bool {
        self.first_circuit.circuit() == Circuit::Open && !self.has_second(voice)
    }

    fn second_model(&self, voice: &VoiceSpec) -> Option<&str> {
        let model = self.second.as_deref().filter(|model| *model != voice.model_id)?;
        agent::speaks(model, &voice.language).then_some(model)
    }
}

/// Who speaks.
pub(super) enum Pick {
    First,
    /// The second model, as which the voice is this.
    Second(VoiceSpec),
}

/// The answer of a voice that is not asked, because it keeps failing.
pub(super) fn left_alone() -> ProviderError {
    ProviderError::new(super::VENDOR, ProviderErrorKind::Refused, "left alone after repeated failures")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(model: &str, language: &str) -> VoiceSpec {
        VoiceSpec {
            voice_id: "v".to_owned(),
            model_id: model.to_owned(),
            language: language.to_owned(),
            stability: 0.5,
            similarity_boost: 0.75,
            speed: 1.0,
        }
    }

    fn open(breaker: &Breaker) {
        while breaker.circuit() == Circuit::Closed {
            breaker.failed(&ProviderError::new("v", ProviderErrorKind::Timeout, "as asked"));
        }
    }

    #[test]
    fn the_second_model_is_another_one_that_speaks_the_language() {
        let chain = Chain::new(Some("eleven_multilingual_v2"));
        let second = chain.second(&voice("eleven_flash_v2_5", "hi")).unwrap();
        assert_eq!(second, voice("eleven_multilingual_v2", "hi"));
        assert_eq!(chain.second(&voice("eleven_v3", "mr")), None, "it does not speak it");
        assert_eq!(chain.second(&voice("eleven_multilingual_v2", "hi")), None, "it is the first");
        assert_eq!(Chain::new(None).second(&voice("eleven_flash_v2_5", "hi")), None);
    }

    #[test]
    fn the_second_is_picked_while_the_first_is_left_alone_and_nobody_when_both_are() {
        let chain = Chain::new(Some("eleven_turbo_v2_5"));
        let hindi = voice("eleven_flash_v2_5", "hi");
        assert!(matches!(chain.pick(&hindi), Some(Pick::First)));
        open(chain.circuit(Link::First));
        assert!(matches!(chain.pick(&hindi), Some(Pick::Second(second)) if second.model_id == "eleven_turbo_v2_5"));
        assert!(!chain.is_left_alone(&hindi));
        assert!(chain.is_left_alone(&voice("eleven_v3", "mr")), "the second does not speak it");
        open(chain.circuit(Link::Second));
        assert!(chain.pick(&hindi).is_none() && chain.is_left_alone(&hindi));
        assert_eq!(chain.circuits().map(Breaker::part).collect::<Vec<_>>(), ["voice", "voice_fallback"]);
        assert_eq!(Chain::new(None).circuits().count(), 1);
    }
}
