//! What Twilio is told to do with a call: verbs, written as a TwiML document ([`document`]) and read back ([`read()`],
//! for the simulator).
//!
//! Writing cannot fail: text from anywhere is escaped, characters XML forbids are left out, and a document stays within
//! Twilio's 64 kB. No SSML and no verb we do not use. An empty optional text (`name`, `action`, …) writes no attribute.
//! Key types: [`Verb`], [`Prompt`]. Wire facts: <https://www.twilio.com/docs/voice/twiml>.

mod read;

use std::borrow::Cow;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

pub use self::read::{TwimlError, read};
use super::phone::E164;

/// Bytes of the longest document Twilio takes (error 11750 beyond).
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;
/// Characters of the longest text one `<Say>` takes.
pub const MAX_SAY_CHARACTERS: usize = 4096;

/// One instruction. Twilio carries them out in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Hands the call's sound to a WebSocket.
    Connect(Connect),
    /// Connects the caller to a person.
    Dial(Dial),
    /// Speaks, then listens for words or keys.
    Gather(Gather),
    /// Ends the call.
    Hangup,
    /// Waits. As the first verb of an inbound call it lets the telephone ring on.
    Pause {
        /// How long.
        seconds: u32,
    },
    /// Plays a sound file.
    Play {
        /// Where it is.
        url: String,
    },
    /// Goes on with another document. Verbs after it are never reached.
    Redirect {
        /// Where that document is.
        url: String,
    },
    /// Refuses an inbound call, unanswered. Only as the first verb.
    Reject {
        /// What the caller hears.
        reason: RejectReason,
    },
    /// Speaks with Twilio's own voice.
    Say(Say),
}

/// `<Connect><Stream>`: both directions of sound over one WebSocket. When the socket closes, Twilio asks `action`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Asked (POST) when the stream ended. Verbs after a `<Connect>` with an action are not reached.
    pub action: String,
    /// The socket.
    pub stream: Stream,
}

/// The socket of a [`Connect`].
#[derive(Clone, PartialEq, Eq)]
pub struct Stream {
    /// `wss://…`, absolute and without a query: Twilio strips it.
    pub url: String,
    /// Unique in the call.
    pub name: String,
    /// Told (POST) of the stream's start, end and failure. Absolute.
    pub status_callback: String,
    /// Handed over in the `start` message. Name and value together: under 500 characters each.
    pub parameters: Vec<(String, String)>,
}

/// `<Dial>` of one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// Whom to call.
    pub number: E164,
    /// Asked (POST) when the dialled leg ended, however it ended.
    pub action: String,
    /// The number the person sees: one of ours, or the caller's. `None` is the caller's.
    pub caller_id: Option<E164>,
    /// How long it may ring.
    pub timeout_s: u32,
    /// How long the two may speak.
    pub time_limit_s: u32,
}

/// `<Gather>`: prompts, then words or keys, then a request to `action`, always, an empty one if nothing was heard.
/// The caller may speak into the prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gather {
    /// Asked (POST) with what was heard.
    pub action: String,
    /// The language listened for: BCP 47, Twilio's list (`hi-IN`).
    pub language: String,
    /// Phrases the recogniser should expect. A comma inside one separates two.
    pub hints: Vec<String>,
    /// How long to wait for the first word or key after the prompts.
    pub timeout_s: u32,
    /// How much silence ends the caller's words. Never `auto`, which cuts callers off at their first pause.
    pub speech_timeout_s: u32,
    /// How many keys end the input, where that is known.
    pub num_digits: Option<u32>,
    /// What the caller hears first.
    pub prompts: Vec<Prompt>,
}

/// What may stand inside a [`Gather`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Plays a sound file.
    Play {
        /// Where it is.
        url: String,
    },
    /// Speaks with Twilio's own voice.
    Say(Say),
    /// Waits.
    Pause {
        /// How long.
        seconds: u32,
    },
}

/// `<Say>`: text for Twilio's own voice. Cut after the last whole word within 4096 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Say {
    /// The words.
    pub text: String,
    /// Twilio's name of a voice (`Google.hi-IN-Neural2-A`); none is the account's default for the language.
    pub voice: Option<String>,
    /// BCP 47 (`hi-IN`).
    pub language: String,
}

/// What a rejected caller hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// A busy signal.
    Busy,
    /// That the number is not in service.
    Rejected,
}

/// Writes a document. One that would exceed Twilio's 64 kB has its `<Say>` texts cut shorter until it fits; one that cannot
/// fit (a URL of 64 kB) hangs up.
pub fn document(verbs: &[Verb]) -> String {
    let mut say_limit = MAX_SAY_CHARACTERS;
    while say_limit >= MIN_SAY_CHARACTERS {
        let text = Sheet::written(verbs, say_limit);
        if text.len() <= MAX_DOCUMENT_BYTES {
            return text;
        }
        say_limit /= 2;
    }
    Sheet::written(&[Verb::Hangup], MIN_SAY_CHARACTERS)
}

/// Values are left out: one of them is the token that ties the socket to its call.
impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.parameters.iter().map(|(name, _)| name).collect();
        f.debug_struct("Stream")
            .field("url", &self.url)
            .field("name", &self.name)
            .field("status_callback", &self.status_callback)
            .field("parameters", &names)
            .finish()
    }
}

/// The words are left out: they may be what a caller said.
impl std::fmt::Debug for Say {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Say")
            .field("characters", &self.text.chars().count())
            .field("voice", &self.voice)
            .field("language", &self.language)
            .finish()
    }
}

impl RejectReason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Rejected => "rejected",
        }
    }
}

/// The document as it grows. Writing to memory cannot fail, so nothing here does.
struct Sheet {
    writer: Writer<Vec<u8>>,
    say_limit: usize,
}

impl Sheet {
    fn written(verbs: &[Verb], say_limit: usize) -> String {
        let mut sheet = Self { writer: Writer::new(Vec::with_capacity(1024)), say_limit };
        sheet.put(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        sheet.element("Response", &[], |sheet| {
            for verb in verbs {
                sheet.verb(verb);
            }
        });
        String::from_utf8(sheet.writer.into_inner()).unwrap_or_default()
    }

    fn verb(&mut self, verb: &Verb) {
        match verb {
            Verb::Connect(connect) => self.connect(connect),
            Verb::Dial(dial) => self.dial(dial),
            Verb::Gather(gather) => self.gather(gather),
            Verb::Hangup => self.empty("Hangup", &[], false),
            Verb::Pause { seconds } => self.pause(*seconds),
            Verb::Play { url } => self.text_element("Play", &[], url),
            Verb::Redirect { url } => self.text_element("Redirect", &[("method", "POST")], url),
            Verb::Reject { reason } => {
                self.empty("Reject", &[("reason", reason.as_str())], false);
            }
            Verb::Say(say) => self.say(say),
        }
    }

    fn connect(&mut self, connect: &Connect) {
        let stream = &connect.stream;
        self.element("Connect", &asked(&connect.action), |sheet| {
            let callback_method = method_of(&stream.status_callback);
            let attributes = [
                ("url", stream.url.as_str()),
                ("name", &stream.name),
                ("statusCallback", &stream.status_callback),
                ("statusCallbackMethod", callback_method),
            ];
            sheet.element("Stream", &attributes, |sheet| {
                for (name, value) in &stream.parameters {
                    // An empty value is still a parameter.
                    sheet.empty("Parameter", &[("name", name), ("value", value)], true);
                }
            });
        });
    }

    fn dial(&mut self, dial: &Dial) {
        let timeout = dial.timeout_s.to_string();
        let time_limit = dial.time_limit_s.to_string();
        let attributes = [
            ("action", dial.action.as_str()),
            ("method", method_of(&dial.action)),
            ("timeout", &timeout),
            ("timeLimit", &time_limit),
            ("callerId", dial.caller_id.as_ref().map_or("", E164::as_str)),
            ("answerOnBridge", "true"),
        ];
        self.element("Dial", &attributes, |sheet| {
            sheet.text_element("Number", &[], dial.number.as_str());
        });
    }

    fn gather(&mut self, gather: &Gather) {
        let timeout = gather.timeout_s.to_string();
        let speech_timeout = gather.speech_timeout_s.max(1).to_string();
        let digits = gather.num_digits.map_or_else(String::new, |n| n.to_string());
        let hints = gather.hints.join(",");
        let attributes = [
            ("input", "speech dtmf"),
            ("method", "POST"),
            ("actionOnEmptyResult", "true"),
            ("bargeIn", "true"),
            ("action", gather.action.as_str()),
            ("language", &gather.language),
            ("timeout", &timeout),
            ("speechTimeout", &speech_timeout),
            ("numDigits", &digits),
            ("hints", &hints),
        ];
        self.element("Gather", &attributes, |sheet| {
            for prompt in &gather.prompts {
                match prompt {
                    Prompt::Play { url } => sheet.text_element("Play", &[], url),
                    Prompt::Say(say) => sheet.say(say),
                    Prompt::Pause { seconds } => sheet.pause(*seconds),
                }
            }
        });
    }

    fn pause(&mut self, seconds: u32) {
        self.empty("Pause", &[("length", &seconds.to_string())], false);
    }

    fn say(&mut self, say: &Say) {
        let attributes = [("voice", say.voice.as_deref().unwrap_or_default()), ("language", &say.language)];
        let text = cut_at_word(&say.text, self.say_limit);
        self.text_element("Say", &attributes, text);
    }

    fn text_element(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.element(name, attributes, |sheet| {
            sheet.put(Event::Text(BytesText::new(&legal(text))));
        });
    }

    fn element(&mut self, name: &str, attributes: &[(&str, &str)], inside: impl FnOnce(&mut Self)) {
        self.put(Event::Start(tag(name, attributes, false)));
        inside(self);
        self.put(Event::End(BytesEnd::new(name)));
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)], with_empty_values: bool) {
        self.put(Event::Empty(tag(name, attributes, with_empty_values)));
    }

    fn put(&mut self, event: Event<'_>) {
        // Bytes go to memory: the only error would be the end of it.
        let _written = self.writer.write_event(event).is_ok();
    }
}

fn tag<'a>(name: &'a str, attributes: &[(&str, &str)], with_empty_values: bool) -> BytesStart<'a> {
    let mut tag = BytesStart::new(name);
    for (name, value) in attributes {
        if with_empty_values || !value.is_empty() {
            tag.push_attribute((*name, &*legal(value)));
        }
    }
    tag
}

fn asked(action: &str) -> [(&'static str, &str); 2] {
    [("action", action), ("method", method_of(action))]
}

const fn method_of(url: &str) -> &'static str {
    if url.is_empty() { "" } else { "POST" }
}

/// Leaves out what XML 1.0 forbids even as a reference, and writes a line break or a tab as a space: a reader would do the
/// same in an attribute.
fn legal(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !matches!(c, '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let kept = text.chars().filter_map(|c| match c {
        '\t' | '\n' | '\r' => Some(' '),
        c => is_plain(c).then_some(c),
    });
    Cow::Owned(kept.collect())
}

/// At most `limit` characters, ended where a word ends if there is such a place in the second half.
fn cut_at_word(text: &str, limit: usize) -> &str {
    let Some((end, next)) = text.char_indices().nth(limit) else {
        return text;
    };
    let cut = &text[..end];
    if next.is_whitespace() {
        return cut.trim_end();
    }
    match cut.rfind(char::is_whitespace) {
        Some(space) if space >= end / 2 => cut[..space].trim_end(),
        Some(_) | None => cut,
    }
}

/// Below this a `<Say>` is not worth saying.
const MIN_SAY_CHARACTERS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn say(text: &str) -> Say {
        Say { text: text.to_owned(), voice: Some("Google.hi-IN-Neural2-A".to_owned()), language: "hi-IN".to_owned() }
    }

    fn number(text: &str) -> E164 {
        E164::parse(text).unwrap()
    }

    fn stream() -> Verb {
        Verb::Connect(Connect {
            action: "https://voice.example.in/stream-ended".to_owned(),
            stream: Stream {
                url: "wss://voice.example.in/media-stream".to_owned(),
                name: "call-1".to_owned(),
                status_callback: "https://voice.example.in/stream-status".to_owned(),
                parameters: vec![("token".to_owned(), "t0k&<\"'>".to_owned()), ("note".to_owned(), String::new())],
            },
        })
    }

    fn gather() -> Verb {
        Verb::Gather(Gather {
            action: "https://voice.example.in/process-response?turn=1&lang=hi-IN".to_owned(),
            language: "hi-IN".to_owned(),
            hints: vec!["नमस्ते".to_owned(), "दो से पाँच".to_owned()],
            timeout_s: 5,
            speech_timeout_s: 2,
            num_digits: Some(1),
            prompts: vec![
                Prompt::Play { url: "https://voice.example.in/audio/elevenlabs_ab12_hi-IN.mp3".to_owned() },
                Prompt::Pause { seconds: 1 },
                Prompt::Say(say("कृपया बोलिए")),
            ],
        })
    }

    fn dial() -> Verb {
        Verb::Dial(Dial {
            number: number("+919820000000"),
            action: "https://voice.example.in/transfer-ended".to_owned(),
            caller_id: Some(number("+912248900000")),
            timeout_s: 20,
            time_limit_s: 3600,
        })
    }

    /// One element a line, for people who read the snapshots.
    fn lines(verbs: &[Verb]) -> String {
        document(verbs).replace("><", ">\n<")
    }

    #[test]
    fn a_streamed_call_is_connected() {
        insta::assert_snapshot!(lines(&[stream(), Verb::Say(say("फिर मिलेंगे")), Verb::Hangup]), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <Response>
        <Connect action="https://voice.example.in/stream-ended" method="POST">
        <Stream url="wss://voice.example.in/media-stream" name="call-1" statusCallback="https://voice.example.in/stream-status" statusCallbackMethod="POST">
        <Parameter name="token" value="t0k&amp;&lt;&quot;&apos;&gt;"/>
        <Parameter name="note" value=""/>
        </Stream>
        </Connect>
        <Say voice="Google.hi-IN-Neural2-A" language="hi-IN">फिर मिलेंगे</Say>
        <Hangup/>
        </Response>
        "#);
    }

    #[test]
    fn a_turn_is_gathered() {
        insta::assert_snapshot!(lines(&[gather(), Verb::Redirect { url: "https://voice.example.in/voice?a=1&b=2".to_owned() }]), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <Response>
        <Gather input="speech dtmf" method="POST" actionOnEmptyResult="true" bargeIn="true" action="https://voice.example.in/process-response?turn=1&amp;lang=hi-IN" language="hi-IN" timeout="5" speechTimeout="2" numDigits="1" hints="नमस्ते,दो से पाँच">
        <Play>https://voice.example.in/audio/elevenlabs_ab12_hi-IN.mp3</Play>
        <Pause length="1"/>
        <Say voice="Google.hi-IN-Neural2-A" language="hi-IN">कृपया बोलिए</Say>
        </Gather>
        <Redirect method="POST">https://voice.example.in/voice?a=1&amp;b=2</Redirect>
        </Response>
        "#);
    }

    #[test]
    fn a_caller_is_handed_over() {
        insta::assert_snapshot!(lines(&[Verb::Say(say("एक क्षण")), dial()]), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <Response>
        <Say voice="Google.hi-IN-Neural2-A" language="hi-IN">एक क्षण</Say>
        <Dial action="https://voice.example.in/transfer-ended" method="POST" timeout="20" timeLimit="3600" callerId="+912248900000" answerOnBridge="true">
        <Number>+919820000000</Number>
        </Dial>
        </Response>
        "#);
    }

    #[test]
    fn the_small_verbs_are_written() {
        let verbs = [
            Verb::Pause { seconds: 2 },
            Verb::Play { url: "/audio/a.mp3?x=1&y=2".to_owned() },
            Verb::Say(Say { text: "Goodbye".to_owned(), voice: None, language: "en-IN".to_owned() }),
            Verb::Reject { reason: RejectReason::Busy },
            Verb::Reject { reason: RejectReason::Rejected },
            Verb::Hangup,
        ];
        insta::assert_snapshot!(lines(&verbs), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <Response>
        <Pause length="2"/>
        <Play>/audio/a.mp3?x=1&amp;y=2</Play>
        <Say language="en-IN">Goodbye</Say>
        <Reject reason="busy"/>
        <Reject reason="rejected"/>
        <Hangup/>
        </Response>
        "#);
        assert_eq!(document(&[]), r#"<?xml version="1.0" encoding="UTF-8"?><Response></Response>"#);
        assert_eq!(read(&document(&verbs)).unwrap(), verbs);
    }

    #[test]
    fn words_cannot_become_verbs() {
        let hostile = r#"</Say><Dial>+19005550100</Dial><Say>"'&amp;]]>"#;
        let verbs = [
            Verb::Say(say(hostile)),
            Verb::Play { url: hostile.to_owned() },
            Verb::Redirect { url: hostile.to_owned() },
        ];
        let text = document(&verbs);
        assert!(!text.contains("<Dial>"), "{text}");
        assert_eq!(read(&text).unwrap(), verbs);
    }

    #[test]
    fn characters_xml_forbids_are_left_out() {
        let text = document(&[Verb::Say(say("a\u{0}b\u{b}c\u{1f}d\u{fffe}e\nf\tg"))]);
        assert!(text.contains(">abcde f g</Say>"), "{text}");
    }

    #[test]
    fn long_speech_is_cut_at_a_word() {
        let words = "शब्द ".repeat(2000);
        let Verb::Say(cut) = &read(&document(&[Verb::Say(say(&words))])).unwrap()[0] else { panic!("no speech") };
        assert!(cut.text.chars().count() <= MAX_SAY_CHARACTERS);
        assert!(cut.text.chars().count() > MAX_SAY_CHARACTERS - 10);
        assert!(cut.text.split(' ').all(|word| word == "शब्द"), "a word was cut");
        assert_eq!(cut_at_word("one two three", 7), "one two");
        assert_eq!(cut_at_word("one two three", 9), "one two");
        assert_eq!(cut_at_word("onetwothree", 5), "onetw");
        assert_eq!(cut_at_word("short", 5), "short");
    }

    #[test]
    fn a_document_stays_within_64_kb() {
        let long = Verb::Say(say(&"&दो ".repeat(4000)));
        let text = document(&vec![long; 20]);
        assert!(text.len() <= MAX_DOCUMENT_BYTES);
        assert_eq!(read(&text).unwrap().len(), 20);
        let hopeless = document(&[Verb::Play { url: "x".repeat(MAX_DOCUMENT_BYTES) }]);
        assert_eq!(read(&hopeless).unwrap(), [Verb::Hangup]);
    }

    #[test]
    fn a_log_sees_no_token_no_words_and_no_number() {
        let text = format!("{:?}", [stream(), gather(), dial(), Verb::Say(say("secret"))]);
        for secret in ["t0k", "secret", "बोलिए", "98200"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    fn words() -> impl Strategy<Value = String> {
        // What a reader gives back: no control characters, no blanks at the ends.
        "[^\\p{C}]{0,40}".prop_map(|text| text.trim().to_owned())
    }

    fn filled() -> impl Strategy<Value = String> {
        words().prop_filter("filled", |text| !text.is_empty())
    }

    fn any_say() -> impl Strategy<Value = Say> {
        (words(), prop::option::of(filled()), words()).prop_map(|(text, voice, language)| Say { text, voice, language })
    }

    fn any_number() -> impl Strategy<Value = E164> {
        "\\+[1-9][0-9]{7,14}".prop_map(|text| number(&text))
    }

    fn any_prompt() -> impl Strategy<Value = Prompt> {
        prop_oneof![
            words().prop_map(|url| Prompt::Play { url }),
            any_say().prop_map(Prompt::Say),
            any::<u32>().prop_map(|seconds| Prompt::Pause { seconds }),
        ]
    }

    fn any_verb() -> impl Strategy<Value = Verb> {
        prop_oneof![
            (words(), filled(), words(), words(), prop::collection::vec((filled(), words()), 0..4)).prop_map(
                |(action, url, name, status_callback, parameters)| {
                    Verb::Connect(Connect { action, stream: Stream { url, name, status_callback, parameters } })
                }
            ),
            (any_number(), words(), prop::option::of(any_number()), any::<u32>(), any::<u32>()).prop_map(
                |(number, action, caller_id, timeout_s, time_limit_s)| {
                    Verb::Dial(Dial { number, action, caller_id, timeout_s, time_limit_s })
                }
            ),
            (
                (words(), words(), prop::collection::vec("[a-zक-ह ]{1,9}", 0..4)),
                (any::<u32>(), 1u32.., prop::option::of(any::<u32>())),
                prop::collection::vec(any_prompt(), 0..4),
            )
                .prop_map(
                    |((action, language, hints), (timeout_s, speech_timeout_s, num_digits), prompts)| {
                        Verb::Gather(Gather {
                            action,
                            language,
                            hints: hints
                                .iter()
                                .map(|hint| hint.trim().to_owned())
                                .filter(|hint| !hint.is_empty())
                                .collect(),
                            timeout_s,
                            speech_timeout_s,
                            num_digits,
                            prompts,
                        })
                    }
                ),
            Just(Verb::Hangup),
            any::<u32>().prop_map(|seconds| Verb::Pause { seconds }),
            words().prop_map(|url| Verb::Play { url }),
            words().prop_map(|url| Verb::Redirect { url }),
            Just(Verb::Reject { reason: RejectReason::Busy }),
            any_say().prop_map(Verb::Say),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(verbs in prop::collection::vec(any_verb(), 0..6)) {
            prop_assert_eq!(read(&document(&verbs)), Ok(verbs));
        }

        #[test]
        fn any_words_make_a_document_that_is_read(text in any::<String>()) {
            let verbs = [Verb::Say(say(&text)), Verb::Hangup];
            prop_assert_eq!(read(&document(&verbs)).map(|verbs| verbs.len()), Ok(2));
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".{0,200}") {
            drop(read(&text));
            drop(read(&format!("<Response>{text}</Response>")));
        }
    }
}
