//! Reads TwiML as Twilio does: strict about XML and the root, a warning for a verb it does not know.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// An element with its attributes and children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Self>,
    /// All text within, joined.
    pub(super) text: String,
}

/// Why a document is none: Twilio's code and words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u32,
    pub(super) text: String,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The text without the white space around it.
    pub(super) fn words(&self) -> &str {
        self.text.trim()
    }

    /// A number of seconds, or the default.
    pub(super) fn seconds(&self, name: &str, default: u64) -> u64 {
        self.attribute(name).and_then(|text| text.trim().parse().ok()).unwrap_or(default)
    }
}

/// Reads a document; its root is `<Response>`.
pub(super) fn read(text: &str) -> Result<Element, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal { code: 11_770, text: "empty document".to_owned() });
    }
    if text.len() > 64 * 1024 {
        return Err(Refusal { code: 11_750, text: format!("document of {} bytes, the limit is 64 kB", text.len()) });
    }
    let root = parse(text).map_err(|text| Refusal { code: 12_100, text })?;
    if root.name != "Response" {
        return Err(Refusal { code: 12_102, text: format!("the root is <{}>, not <Response>", root.name) });
    }
    Ok(root)
}

/// What Twilio would warn of: unknown verbs, attributes and nesting.
pub(super) fn warnings(root: &Element) -> Vec<Refusal> {
    let mut out = Vec::new();
    for verb in &root.children {
        check(verb, &VERBS, &mut out);
        match verb.name.as_str() {
            "Gather" => {
                for child in
                    verb.children.iter().filter(|child| !["Say", "Play", "Pause"].contains(&child.name.as_str()))
                {
                    out.push(Refusal { code: 13_320, text: format!("<{}> within <Gather>", child.name) });
                }
                verb.children.iter().for_each(|child| check(child, &VERBS, &mut out));
            }
            "Connect" => verb.children.iter().for_each(|child| {
                check(child, &NOUNS, &mut out);
                child.children.iter().for_each(|inner| check(inner, &NOUNS, &mut out));
            }),
            "Dial" => verb.children.iter().for_each(|child| check(child, &NOUNS, &mut out)),
            _ => {}
        }
    }
    out
}

type Known = (&'static str, &'static [&'static str]);

/// The verbs that Trunkline's server may use, with Twilio's attributes (SDK 9.13).
const VERBS: [Known; 10] = [
    ("Connect", &["action", "method"]),
    (
        "Dial",
        &[
            "action",
            "method",
            "timeout",
            "timeLimit",
            "callerId",
            "answerOnBridge",
            "hangupOnStar",
            "record",
            "ringTone",
            "sequential",
            "trim",
            "recordingStatusCallback",
            "recordingStatusCallbackMethod",
            "recordingStatusCallbackEvent",
            "recordingTrack",
            "referUrl",
            "referMethod",
            "events",
        ],
    ),
    (
        "Gather",
        &[
            "action",
            "method",
            "input",
            "timeout",
            "speechTimeout",
            "maxSpeechTime",
            "language",
            "speechModel",
            "enhanced",
            "hints",
            "profanityFilter",
            "bargeIn",
            "actionOnEmptyResult",
            "numDigits",
            "finishOnKey",
            "partialResultCallback",
            "partialResultCallbackMethod",
            "debug",
        ],
    ),
    ("Hangup", &[]),
    ("Pause", &["length"]),
    ("Play", &["loop", "digits"]),
    ("Redirect", &["method"]),
    ("Reject", &["reason"]),
    ("Say", &["voice", "language", "loop"]),
    ("Start", &["action", "method"]),
];

const NOUNS: [Known; 3] = [
    (
        "Number",
        &[
            "url",
            "method",
            "sendDigits",
            "statusCallback",
            "statusCallbackMethod",
            "statusCallbackEvent",
            "byoc",
            "machineDetection",
            "amdStatusCallback",
            "amdStatusCallbackMethod",
        ],
    ),
    ("Parameter", &["name", "value"]),
    (
        "Stream",
        &[
            "url",
            "name",
            "track",
            "statusCallback",
            "statusCallbackMethod",
            "connectorName",
            "audioFormat",
            "sampleRate",
        ],
    ),
];

fn check(element: &Element, known: &[Known], out: &mut Vec<Refusal>) {
    let Some((_, attributes)) = known.iter().find(|(name, _)| *name == element.name) else {
        out.push(Refusal { code: 12_200, text: format!("<{}> is not known here", element.name) });
        return;
    };
    for (name, _) in element.attributes.iter().filter(|(name, _)| !attributes.contains(&name.as_str())) {
        out.push(Refusal { code: 12_200, text: format!("<{}> has no attribute '{name}'", element.name) });
    }
}

fn parse(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                if open.len() > 20 {
                    return Err("too deep".to_owned());
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => {
                let child = element(&start)?;
                last(&mut open)?.children.push(child);
            }
            Event::End(_) => {
                let done = open.pop().ok_or("unexpected end tag")?;
                let parent = last(&mut open)?;
                parent.text.push_str(&done.text);
                parent.children.push(done);
            }
            Event::Text(part) => {
                let part = part.decode().map_err(|error| error.to_string())?;
                last(&mut open)?.text.push_str(&part);
            }
            Event::CData(part) => {
                let part = part.decode().map_err(|error| error.to_string())?;
                last(&mut open)?.text.push_str(&part);
            }
            Event::GeneralRef(name) => {
                let name = name.decode().map_err(|error| error.to_string())?;
                let resolved =
                    quick_xml::escape::unescape(&format!("&{name};")).map_err(|error| error.to_string())?.into_owned();
                last(&mut open)?.text.push_str(&resolved);
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    let top = open.pop().filter(|_| open.is_empty()).ok_or("an element is not closed")?;
    match <[Element; 1]>::try_from(top.children) {
        Ok([root]) => Ok(root),
        Err(several) => Err(format!("{} roots", several.len())),
    }
}

fn last(open: &mut [Element]) -> Result<&mut Element, String> {
    open.last_mut().ok_or_else(|| "unexpected end tag".to_owned())
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let name = String::from_utf8(start.name().as_ref().to_vec()).map_err(|error| error.to_string())?;
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = String::from_utf8(attribute.key.as_ref().to_vec()).map_err(|error| error.to_string())?;
        let value = std::str::from_utf8(&attribute.value).map_err(|error| error.to_string())?;
        let value = quick_xml::escape::unescape(value).map_err(|error| error.to_string())?.into_owned();
        attributes.push((key, value));
    }
    Ok(Element { name, attributes, children: Vec::new(), text: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_read_with_its_parameters() {
        let root = read(
            r#"<?xml version="1.0" encoding="UTF-8"?>
            <Response><Connect action="/ended"><Stream url="wss://h/m"><Parameter name="token" value="t0k&amp;&lt;&quot;"/></Stream></Connect>
            <Say language="hi-IN">फिर &amp; मिलेंगे</Say></Response>"#,
        )
        .unwrap();
        let stream = &root.children[0].children[0];
        assert_eq!(
            (stream.attribute("url"), stream.children[0].attribute("value")),
            (Some("wss://h/m"), Some("t0k&<\""))
        );
        assert_eq!(root.children[1].words(), "फिर & मिलेंगे");
        assert_eq!(warnings(&root), []);
    }

    #[test]
    fn what_is_no_document_is_refused_with_twilios_code() {
        let code = |text: &str| read(text).map_err(|refusal| refusal.code);
        assert_eq!(code("").unwrap_err(), 11_770);
        assert_eq!(code("hello").unwrap_err(), 12_100);
        assert_eq!(code("<Response><Say>a</Response>").unwrap_err(), 12_100);
        assert_eq!(code("<Response>").unwrap_err(), 12_100);
        assert_eq!(code("<response/>").unwrap_err(), 12_102);
        assert_eq!(code(&format!("<Response>{}</Response>", " ".repeat(70_000))).unwrap_err(), 11_750);
    }

    #[test]
    fn unknown_verbs_and_attributes_are_warned_of() {
        let root = read(r#"<Response><Gather foo="1"><Dial/></Gather><Speak/></Response>"#).unwrap();
        let codes: Vec<u32> = warnings(&root).iter().map(|warning| warning.code).collect();
        assert_eq!(codes, [12_200, 13_320, 12_200]);
    }
}
