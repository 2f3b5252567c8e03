//! Reads a TwiML document back into verbs, as Twilio would, for the simulator. Stricter than Twilio where a mistake of ours
//! would show: what Twilio skips with warning 12200 is an error here.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use super::{Connect, Dial, Gather, MAX_DOCUMENT_BYTES, Prompt, RejectReason, Say, Stream, Verb};
use crate::twilio::phone::E164;

/// Why a document is not one Twilio would carry out, or not one the simulator can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TwimlError {
    /// Over 64 kB.
    #[error("a document over 64 kB (Twilio error 11750)")]
    TooLong,
    /// Not well-formed XML.
    #[error("not XML: {0} (Twilio error 12100)")]
    NotXml(String),
    /// The root is not `<Response>`.
    #[error("the root is not <Response> (Twilio error 12102)")]
    Root,
    /// An element Twilio does not know in that place.
    #[error("unknown element <{element}> in <{parent}> (Twilio warning 12200)")]
    UnknownElement {
        /// Its name.
        element: String,
        /// Where it stood.
        parent: String,
    },
    /// An attribute Twilio does not know on that element.
    #[error("unknown attribute {attribute} of <{element}> (Twilio warning 12200)")]
    UnknownAttribute {
        /// Its name.
        attribute: String,
        /// The element.
        element: String,
    },
    /// An attribute or a text without which the element does nothing.
    #[error("<{element}> without {what}")]
    Missing {
        /// The element.
        element: String,
        /// What it lacks.
        what: &'static str,
    },
    /// A value Twilio would not take.
    #[error("<{element}> with a bad {what} (Twilio warning 12200)")]
    BadValue {
        /// The element.
        element: String,
        /// The attribute or text.
        what: &'static str,
    },
    /// Legal, but the simulator does not act it out.
    #[error("<{element}> with {what}: not simulated")]
    NotSimulated {
        /// The element.
        element: String,
        /// The attribute and value, or the child.
        what: String,
    },
}

/// Reads a document.
///
/// # Errors
/// [`TwimlError`], with Twilio's number for the mistake where it has one.
pub fn read(text: &str) -> Result<Vec<Verb>, TwimlError> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(TwimlError::TooLong);
    }
    let root = tree(text)?;
    if root.name != "Response" {
        return Err(TwimlError::Root);
    }
    root.check(&[])?;
    root.children.iter().map(verb).collect()
}

fn verb(element: &Element) -> Result<Verb, TwimlError> {
    Ok(match element.name.as_str() {
        "Connect" => Verb::Connect(connect(element)?),
        "Dial" => Verb::Dial(dial(element)?),
        "Gather" => Verb::Gather(gather(element)?),
        "Hangup" => {
            element.check(&[])?;
            element.childless()?;
            Verb::Hangup
        }
        "Redirect" => {
            element.check(&["method"])?;
            element.only("method", "POST")?;
            Verb::Redirect { url: element.words()? }
        }
        "Reject" => {
            element.check(&["reason"])?;
            element.childless()?;
            Verb::Reject {
                reason: match element.get("reason") {
                    None | Some("" | "rejected") => RejectReason::Rejected,
                    Some("busy") => RejectReason::Busy,
                    Some(_) => return Err(element.bad("reason")),
                },
            }
        }
        _ => match prompt(element, "Response")? {
            Prompt::Play { url } => Verb::Play { url },
            Prompt::Say(say) => Verb::Say(say),
            Prompt::Pause { seconds } => Verb::Pause { seconds },
        },
    })
}

fn connect(element: &Element) -> Result<Connect, TwimlError> {
    element.check(&["action", "method"])?;
    element.only("method", "POST")?;
    let stream = element.only_child("Stream")?;
    stream.check(&["url", "name", "track", "statusCallback", "statusCallbackMethod"])?;
    // Error 31941: a stream of both directions hears the caller only.
    if !matches!(stream.get("track"), None | Some("inbound_track")) {
        return Err(stream.bad("track"));
    }
    stream.only("statusCallbackMethod", "POST")?;
    let mut parameters = Vec::new();
    for parameter in &stream.children {
        if parameter.name != "Parameter" {
            return Err(parameter.unknown_in("Stream"));
        }
        parameter.check(&["name", "value"])?;
        parameter.childless()?;
        let name = parameter.required("name")?;
        parameters.push((name, parameter.text_of("value")));
    }
    Ok(Connect {
        action: element.text_of("action"),
        stream: Stream {
            url: stream.required("url")?,
            name: stream.text_of("name"),
            status_callback: stream.text_of("statusCallback"),
            parameters,
        },
    })
}

fn dial(element: &Element) -> Result<Dial, TwimlError> {
    element.check(&["action", "method", "timeout", "timeLimit", "callerId", "answerOnBridge"])?;
    element.only("method", "POST")?;
    let text = if element.children.is_empty() {
        element.text.as_str()
    } else {
        let number = element.only_child("Number")?;
        number.check(&[])?;
        number.childless()?;
        number.text.as_str()
    };
    let caller_id = match element.get("callerId") {
        None | Some("") => None,
        Some(text) => Some(E164::parse(text).map_err(|_| element.bad("callerId"))?),
    };
    Ok(Dial {
        number: E164::parse(text).map_err(|_| element.bad("number"))?,
        action: element.text_of("action"),
        caller_id,
        timeout_s: element.number("timeout", DIAL_TIMEOUT_S)?,
        time_limit_s: element.number("timeLimit", DIAL_TIME_LIMIT_S)?,
    })
}

fn gather(element: &Element) -> Result<Gather, TwimlError> {
    element.check(&[
        "action",
        "method",
        "input",
        "timeout",
        "speechTimeout",
        "language",
        "hints",
        "bargeIn",
        "actionOnEmptyResult",
        "numDigits",
        "profanityFilter",
        "finishOnKey",
        "speechModel",
        "enhanced",
        "maxSpeechTime",
    ])?;
    element.only("method", "POST")?;
    element.only("actionOnEmptyResult", "true")?;
    element.only("bargeIn", "true")?;
    match element.get("input") {
        Some("speech dtmf" | "dtmf speech") => {}
        other => return Err(element.not_simulated("input", other.unwrap_or("dtmf"))),
    }
    let timeout_s = element.number("timeout", GATHER_TIMEOUT_S)?;
    let speech_timeout_s = element.number("speechTimeout", timeout_s)?;
    if speech_timeout_s == 0 {
        return Err(element.bad("speechTimeout"));
    }
    Ok(Gather {
        action: element.text_of("action"),
        language: element.text_of("language"),
        hints: element
            .get("hints")
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|hint| !hint.is_empty())
            .map(str::to_owned)
            .collect(),
        timeout_s,
        speech_timeout_s,
        num_digits: match element.get("numDigits") {
            None => None,
            Some(_) => Some(element.number("numDigits", 0)?),
        },
        prompts: element.children.iter().map(|child| prompt(child, "Gather")).collect::<Result<_, _>>()?,
    })
}

fn prompt(element: &Element, parent: &str) -> Result<Prompt, TwimlError> {
    Ok(match element.name.as_str() {
        "Play" => {
            element.check(&["loop"])?;
            element.only("loop", "1")?;
            Prompt::Play { url: element.words()? }
        }
        "Pause" => {
            element.check(&["length"])?;
            element.childless()?;
            Prompt::Pause { seconds: element.number("length", PAUSE_S)? }
        }
        "Say" => {
            element.check(&["voice", "language", "loop"])?;
            element.only("loop", "1")?;
            Prompt::Say(Say {
                text: element.words()?,
                voice: element.get("voice").filter(|voice| !voice.is_empty()).map(str::to_owned),
                language: element.text_of("language"),
            })
        }
        _ => return Err(element.unknown_in(parent)),
    })
}

struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Self>,
    text: String,
}

impl Element {
    fn open(tag: &BytesStart<'_>) -> Result<Self, TwimlError> {
        let mut attributes = BTreeMap::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(not_xml)?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(not_xml)?;
            let name = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            attributes.insert(name, value.into_owned());
        }
        Ok(Self {
            name: String::from_utf8_lossy(tag.name().as_ref()).into_owned(),
            attributes,
            children: Vec::new(),
            text: String::new(),
        })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    fn text_of(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    fn required(&self, what: &'static str) -> Result<String, TwimlError> {
        let text = self.text_of(what);
        if text.is_empty() {
            return Err(TwimlError::Missing { element: self.name.clone(), what });
        }
        Ok(text)
    }

    fn number(&self, what: &'static str, unsaid: u32) -> Result<u32, TwimlError> {
        self.get(what).map_or(Ok(unsaid), |text| text.trim().parse().map_err(|_| self.bad(what)))
    }

    fn words(&self) -> Result<String, TwimlError> {
        self.childless()?;
        Ok(self.text.trim().to_owned())
    }

    fn check(&self, known: &[&str]) -> Result<(), TwimlError> {
        match self.attributes.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(attribute) => {
                Err(TwimlError::UnknownAttribute { attribute: attribute.clone(), element: self.name.clone() })
            }
        }
    }

    /// An attribute Twilio knows in more than one way, of which the simulator acts out one.
    fn only(&self, name: &str, value: &str) -> Result<(), TwimlError> {
        match self.get(name) {
            None => Ok(()),
            Some(given) if given == value => Ok(()),
            Some(given) => Err(self.not_simulated(name, given)),
        }
    }

    fn only_child(&self, name: &str) -> Result<&Self, TwimlError> {
        match self.children.as_slice() {
            [child] if child.name == name => Ok(child),
            [] => Err(TwimlError::Missing { element: self.name.clone(), what: "what it is for" }),
            [child, ..] if child.name != name => Err(child.unknown_in(&self.name)),
            [_, more, ..] => Err(self.not_simulated("more than one", &more.name)),
            [_] => Err(self.unknown_in(&self.name)),
        }
    }

    fn childless(&self) -> Result<(), TwimlError> {
        self.children.first().map_or(Ok(()), |child| Err(child.unknown_in(&self.name)))
    }

    fn unknown_in(&self, parent: &str) -> TwimlError {
        TwimlError::UnknownElement { element: self.name.clone(), parent: parent.to_owned() }
    }

    fn bad(&self, what: &'static str) -> TwimlError {
        TwimlError::BadValue { element: self.name.clone(), what }
    }

    fn not_simulated(&self, attribute: &str, value: &str) -> TwimlError {
        TwimlError::NotSimulated { element: self.name.clone(), what: format!("{attribute} {value}") }
    }
}

/// The document as a tree: at most 64 kB, so at most some ten thousand elements, and never deeper than [`MAX_DEPTH`].
fn tree(text: &str) -> Result<Element, TwimlError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let event = reader.read_event().map_err(not_xml)?;
        let closed = match event {
            Event::Start(tag) => {
                if open.len() == MAX_DEPTH {
                    return Err(TwimlError::NotXml("too many elements inside each other".to_owned()));
                }
                open.push(Element::open(&tag)?);
                None
            }
            Event::Empty(tag) => Some(Element::open(&tag)?),
            Event::End(_) => open.pop(),
            Event::Text(part) => {
                write_text(&mut open, &part.xml10_content().map_err(not_xml)?)?;
                None
            }
            Event::CData(part) => {
                write_text(&mut open, &part.decode().map_err(not_xml)?)?;
                None
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(not_xml)?;
                match reference.resolve_char_ref().map_err(not_xml)? {
                    Some(character) => {
                        write_text(&mut open, character.encode_utf8(&mut [0; 4]))?;
                    }
                    None => match resolve_predefined_entity(&name) {
                        Some(text) => write_text(&mut open, text)?,
                        None => return Err(TwimlError::NotXml("an unknown entity".to_owned())),
                    },
                }
                None
            }
            // Entities of one's own are how a small document becomes a large one.
            Event::DocType(_) => return Err(TwimlError::NotXml("a document type".to_owned())),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => None,
            Event::Eof => break,
        };
        if let Some(element) = closed {
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None if root.is_none() => root = Some(element),
                None => return Err(TwimlError::Root),
            }
        }
    }
    if !open.is_empty() {
        return Err(TwimlError::NotXml("an element that is not closed".to_owned()));
    }
    root.ok_or(TwimlError::Root)
}

fn write_text(open: &mut [Element], text: &str) -> Result<(), TwimlError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(TwimlError::NotXml("text outside the root".to_owned())),
    }
    Ok(())
}

fn not_xml(error: impl ToString) -> TwimlError {
    TwimlError::NotXml(error.to_string())
}

/// Twilio's own values where a document says nothing.
const DIAL_TIMEOUT_S: u32 = 30;
const DIAL_TIME_LIMIT_S: u32 = 14_400;
const GATHER_TIMEOUT_S: u32 = 5;
const PAUSE_S: u32 = 1;
const MAX_DEPTH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn error(inside: &str) -> String {
        read(&format!("<Response>{inside}</Response>")).unwrap_err().to_string()
    }

    #[test]
    fn a_document_by_another_hand_is_read() {
        let verbs = read(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- a comment -->
<Response>
  <Gather input="dtmf speech" language='mr-IN' timeout="7" action="/turn?a=1&amp;b=2" hints="एक, दोन ,">
    <Say>  Tom &amp; &#x91C;&#2375; <![CDATA[<b>]]> </Say>
    <Pause/>
  </Gather>
  <Dial>+919820000000</Dial>
  <Reject/>
</Response>
"#,
        )
        .unwrap();
        assert_eq!(
            verbs[0],
            Verb::Gather(Gather {
                action: "/turn?a=1&b=2".to_owned(),
                language: "mr-IN".to_owned(),
                hints: vec!["एक".to_owned(), "दोन".to_owned()],
                timeout_s: 7,
                speech_timeout_s: 7,
                num_digits: None,
                prompts: vec![
                    Prompt::Say(Say { text: "Tom & जे <b>".to_owned(), voice: None, language: String::new() }),
                    Prompt::Pause { seconds: 1 },
                ],
            })
        );
        let Verb::Dial(dial) = &verbs[1] else { panic!("no dial") };
        assert_eq!((dial.timeout_s, dial.time_limit_s), (30, 14_400));
        assert_eq!(verbs[2], Verb::Reject { reason: RejectReason::Rejected });
    }

    #[test]
    fn mistakes_are_named_by_twilios_numbers() {
        for (inside, text) in [
            ("<Shout/>", "unknown element <Shout> in <Response> (Twilio warning 12200)"),
            ("<say>x</say>", "unknown element <say> in <Response> (Twilio warning 12200)"),
            (r#"<Say pitch="1">x</Say>"#, "unknown attribute pitch of <Say> (Twilio warning 12200)"),
            (
                r#"<Gather input="speech dtmf"><Hangup/></Gather>"#,
                "unknown element <Hangup> in <Gather> (Twilio warning 12200)",
            ),
            ("<Dial>anna</Dial>", "<Dial> with a bad number (Twilio warning 12200)"),
            (r#"<Pause length="long"/>"#, "<Pause> with a bad length (Twilio warning 12200)"),
            (
                r#"<Connect><Stream url="wss://x/y" track="both_tracks"/></Connect>"#,
                "<Stream> with a bad track (Twilio warning 12200)",
            ),
            ("<Connect><Stream/></Connect>", "<Stream> without url"),
            ("<Connect/>", "<Connect> without what it is for"),
            (r#"<Gather input="dtmf"/>"#, "<Gather> with input dtmf: not simulated"),
            (
                r#"<Gather input="speech dtmf" speechTimeout="auto"/>"#,
                "<Gather> with a bad speechTimeout (Twilio warning 12200)",
            ),
            (r#"<Redirect method="GET">/x</Redirect>"#, "<Redirect> with method GET: not simulated"),
        ] {
            assert_eq!(error(inside), text);
        }
        assert_eq!(read("<Reply/>"), Err(TwimlError::Root));
        assert_eq!(read(""), Err(TwimlError::Root));
        assert_eq!(read("<Response/><Response/>"), Err(TwimlError::Root));
        assert_eq!(read(&" ".repeat(MAX_DOCUMENT_BYTES + 1)), Err(TwimlError::TooLong));
        for broken in [
            "<Response>",
            "<Response><Say></Response>",
            "hello",
            "<Response>&bomb;</Response>",
            r#"<Response><Say a="1" a="2"/></Response>"#,
            r#"<!DOCTYPE r [<!ENTITY a "b">]><Response/>"#,
        ] {
            assert!(matches!(read(broken), Err(TwimlError::NotXml(_))), "{broken}");
        }
        let deep = format!("<Response>{}{}</Response>", "<Say>".repeat(9), "</Say>".repeat(9));
        assert!(matches!(read(&deep), Err(TwimlError::NotXml(_))));
    }
}
