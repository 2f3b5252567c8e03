//! Which languages the vendors hear and speak, as data: so that a language without a voice is an error in the agent's file, and not
//! a silence on the phone.
//!
//! Sources: the language and voice enums of Twilio's SDK 6.2.0, ElevenLabs' models page and the language lists of its SDKs (autumn 2026).
//! A new language or voice is a new row; nothing else changes.

/// What Twilio offers in one language.
struct Twilio {
    /// ISO 639-1.
    iso639: &'static str,
    /// The tags that `<Gather language>` takes.
    gather: &'static [&'static str],
    /// Names of Polly voices, behind `Polly.`.
    polly: &'static [&'static str],
    /// Families of Google voices, behind `Google.` and the tag, with the last letter of each; a star stands for [`CHIRP`].
    google: &'static [(&'static str, char)],
}

const TWILIO: [Twilio; 11] = [
    Twilio {
        iso639: "en",
        gather: &["en-IN", "en-US", "en-GB", "en-AU"],
        polly: &["Raveena", "Aditi", "Kajal-Neural", "Kajal-Generative"],
        google: &[("Standard", 'F'), ("Wavenet", 'F'), ("Neural2", 'D'), ("Chirp3-HD", '*')],
    },
    Twilio {
        iso639: "hi",
        gather: &["hi-IN"],
        polly: &["Aditi", "Kajal-Neural", "Kajal-Generative"],
        google: &[("Standard", 'F'), ("Wavenet", 'F'), ("Neural2", 'D'), ("Chirp3-HD", '*')],
    },
    Twilio {
        iso639: "mr",
        gather: &["mr-IN"],
        polly: &[],
        google: &[("Standard", 'C'), ("Wavenet", 'C'), ("Chirp3-HD", '*')],
    },
    Twilio {
        iso639: "ta",
        gather: &["ta-IN"],
        polly: &[],
        google: &[("Standard", 'D'), ("Wavenet", 'D'), ("Chirp3-HD", '*')],
    },
    Twilio { iso639: "te", gather: &["te-IN"], polly: &[], google: &[("Standard", 'D'), ("Chirp3-HD", '*')] },
    Twilio {
        iso639: "kn",
        gather: &["kn-IN"],
        polly: &[],
        google: &[("Standard", 'D'), ("Wavenet", 'D'), ("Chirp3-HD", '*')],
    },
    Twilio {
        iso639: "gu",
        gather: &["gu-IN"],
        polly: &[],
        google: &[("Standard", 'D'), ("Wavenet", 'D'), ("Chirp3-HD", '*')],
    },
    Twilio {
        iso639: "bn",
        gather: &["bn-IN"],
        polly: &[],
        google: &[("Standard", 'D'), ("Wavenet", 'D'), ("Chirp3-HD", '*')],
    },
    Twilio {
        iso639: "ml",
        gather: &["ml-IN"],
        polly: &[],
        google: &[("Standard", 'D'), ("Wavenet", 'D'), ("Chirp3-HD", '*')],
    },
    Twilio { iso639: "pa", gather: &["pa-guru-IN"], polly: &[], google: &[("Standard", 'D'), ("Wavenet", 'D')] },
    // Heard, and spoken by no voice of `<Say>`.
    Twilio { iso639: "ur", gather: &["ur-IN"], polly: &[], google: &[] },
];

const CHIRP: [&str; 8] = ["Aoede", "Charon", "Fenrir", "Kore", "Leda", "Orus", "Puck", "Zephyr"];

/// ElevenLabs' models that our transports reach, and the languages they speak (ISO 639-1).
const MODELS: [(&str, &[&str]); 7] = [
    ("eleven_flash_v2_5", FLASH_V2_5),
    ("eleven_turbo_v2_5", FLASH_V2_5),
    ("eleven_flash_v2", &["en"]),
    ("eleven_turbo_v2", &["en"]),
    ("eleven_multilingual_v2", MULTILINGUAL_V2),
    ("eleven_v3", V3),
    ("eleven_v4", V4),
];

const FLASH_V2_5: &[&str] = &[
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "fi", "fil", "fr", "hi", "hr", "hu", "id", "it", "ja", "ko", "ms",
    "nl", "no", "pl", "pt", "ro", "ru", "sk", "sv", "ta", "tr", "uk", "vi", "zh",
];
const MULTILINGUAL_V2: &[&str] = &[
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "fi", "fil", "fr", "hi", "hr", "id", "it", "ja", "ko", "ms", "nl",
    "pl", "pt", "ro", "ru", "sk", "sv", "ta", "tr", "uk", "zh",
];
/// Of the more than 70, those that Twilio hears.
const V3: &[&str] = &["en", "hi", "ta", "mr", "te", "bn", "gu", "kn", "ml", "pa", "ur"];
const V4: &[&str] = V3;

/// Of Scribe's more than 90, those that Twilio hears too.
const SCRIBE: [&str; 11] = ["en", "hi", "ta", "te", "mr", "bn", "kn", "ml", "gu", "pa", "ur"];

/// What is wrong with hearing this language, if anything.
pub(super) fn unheard(code: &str) -> Option<String> {
    let iso639 = iso639(code);
    let Some(row) = TWILIO.iter().find(|row| row.iso639 == iso639) else {
        let known: Vec<_> = TWILIO.iter().flat_map(|row| row.gather).copied().collect();
        return Some(format!("nobody hears {code}; there are {}", known.join(", ")));
    };
    if !row.gather.contains(&code) {
        return Some(format!("<Gather> takes {} for this language, not {code}", row.gather.join(" or ")));
    }
    (!SCRIBE.contains(&iso639)).then(|| format!("ElevenLabs does not hear {code}"))
}

/// What is wrong with a voice of `<Say>` in this language, if anything.
pub(super) fn unsaid(code: &str, voice: &str) -> Option<String> {
    let row = TWILIO.iter().find(|row| row.iso639 == iso639(code))?;
    if row.polly.is_empty() && row.google.is_empty() {
        return Some(format!("<Say> has no voice for {code}"));
    }
    // Other countries' English has other voices; only India's are listed.
    let listed = code.ends_with("-IN");
    let known = match voice.split_once('.') {
        Some(("Polly", name)) => row.polly.contains(&name) || !listed && !name.is_empty(),
        Some(("Google", name)) => {
            let tag = google_tag(code);
            name.strip_prefix(&tag).and_then(|rest| rest.strip_prefix('-')).is_some_and(|name| {
                !listed && !name.is_empty() || row.google.iter().any(|(family, last)| is_of(name, family, *last))
            })
        }
        Some(_) | None => false,
    };
    (!known).then(|| format!("no voice of {code}; there are {}", voices(code, row).join(", ")))
}

/// Whether a model of ElevenLabs speaks a language (its tag, or ISO 639-1).
pub fn speaks(model: &str, code: &str) -> bool {
    unspoken(code, model).is_none()
}

/// The models of ElevenLabs that our transports reach.
pub fn voice_models() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|(name, _)| *name)
}

/// What is wrong with a model of ElevenLabs in this language, if anything.
pub(super) fn unspoken(code: &str, model: &str) -> Option<String> {
    let iso639 = iso639(code);
    let Some((_, languages)) = MODELS.iter().find(|(name, _)| *name == model) else {
        let known: Vec<_> = MODELS.iter().map(|(name, _)| *name).collect();
        return Some(format!("no model of ours; there are {}", known.join(", ")));
    };
    if languages.contains(&iso639) {
        return None;
    }
    let others: Vec<_> =
        MODELS.iter().filter(|(_, languages)| languages.contains(&iso639)).map(|(name, _)| *name).collect();
    Some(format!("{model} does not speak {code}; {} do", others.join(", ")))
}

fn iso639(code: &str) -> &str {
    code.split('-').next().unwrap_or(code)
}

/// Google's tag has no script: `pa-IN`.
fn google_tag(code: &str) -> String {
    let region = code.rsplit('-').next().unwrap_or_default();
    format!("{}-{region}", iso639(code))
}

fn is_of(name: &str, family: &str, last: char) -> bool {
    let Some(one) = name.strip_prefix(family).and_then(|rest| rest.strip_prefix('-')) else { return false };
    if last == '*' {
        return CHIRP.contains(&one);
    }
    let mut letters = one.chars();
    matches!((letters.next(), letters.next()), (Some(letter), None) if ('A'..=last).contains(&letter))
}

fn voices(code: &str, row: &Twilio) -> Vec<String> {
    let polly = row.polly.iter().map(|name| format!("Polly.{name}"));
    let google = row.google.iter().map(|(family, last)| match last {
        '*' => format!("Google.{}-{family}-{}", google_tag(code), CHIRP.join("|")),
        last => format!("Google.{}-{family}-A to {last}", google_tag(code)),
    });
    polly.chain(google).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_that_is_heard_and_said_is_spoken_by_some_model() {
        for row in TWILIO.iter().filter(|row| !row.google.is_empty()) {
            let code = row.gather[0];
            assert_eq!(unheard(code), None);
            assert_eq!(unsaid(code, &format!("Google.{}-Standard-A", google_tag(code))), None, "{code}");
            assert_eq!(unspoken(code, "eleven_v3"), None, "{code}");
        }
    }

    #[test]
    fn what_is_missing_is_named_with_what_there_is() {
        assert!(unspoken("mr-IN", "eleven_flash_v2_5").unwrap().contains("eleven_v3, eleven_v4 do"));
        assert_eq!(unspoken("ta-IN", "eleven_flash_v2_5"), None);
        assert!(unspoken("hi-IN", "eleven_flash_v25").unwrap().contains("eleven_flash_v2_5"));
        assert!(unheard("pa-IN").unwrap().contains("pa-guru-IN"));
        assert!(unheard("or-IN").unwrap().contains("nobody hears"));
        assert!(unsaid("mr-IN", "Polly.Kajal-Neural").unwrap().contains("Google.mr-IN-Standard-A to C"));
        assert!(unsaid("te-IN", "Google.te-IN-Wavenet-A").is_some());
        assert!(unsaid("hi-IN", "Google.en-IN-Neural2-A").is_some());
        assert!(unsaid("hi-IN", "Google.hi-IN-Neural2-E").is_some());
        assert!(unsaid("ur-IN", "Google.ur-IN-Standard-A").is_some());
        for (code, voice) in [
            ("hi-IN", "Polly.Kajal-Neural"),
            ("en-IN", "Google.en-IN-Chirp3-HD-Kore"),
            ("pa-guru-IN", "Google.pa-IN-Wavenet-D"),
            ("en-US", "Polly.Joanna-Neural"),
        ] {
            assert_eq!(unsaid(code, voice), None, "{voice}");
        }
    }
}
