//! TwiML. Whatever the texts, what we write is within Twilio's size, well-formed, and has the verbs it was made of and no other
//! element or attribute: no text becomes markup. Somebody else's document is read without a panic.

use trunkline::twilio::twiml::{self, Connect, Gather, MAX_DOCUMENT_BYTES, Prompt, Say, Stream, Verb};

pub(crate) fn run(bytes: &[u8]) {
    let given = super::text(bytes);
    twiml::read(&given).ok();
    // An empty text writes no attribute; with one character in front each place has one.
    let text = format!("x{given}");
    let say = Say { text: text.clone(), voice: Some(text.clone()), language: text.clone() };
    let prompts = vec![Prompt::Say(say.clone()), Prompt::Play { url: text.clone() }, Prompt::Pause { seconds: 1 }];
    let gather = Gather {
        action: text.clone(),
        language: text.clone(),
        hints: vec![text.clone(), "yes".to_owned()],
        timeout_s: 5,
        speech_timeout_s: 2,
        num_digits: Some(1),
        prompts,
    };
    let stream = Stream {
        url: text.clone(),
        name: text.clone(),
        status_callback: text.clone(),
        parameters: vec![(text.clone(), text.clone())],
    };
    let connect = Connect { action: text.clone(), stream };
    let redirect = Verb::Redirect { url: text };
    let document =
        twiml::document(&[Verb::Say(say), Verb::Gather(gather), Verb::Connect(connect), redirect, Verb::Hangup]);
    assert!(document.len() <= MAX_DOCUMENT_BYTES);
    let back = twiml::read(&document).unwrap_or_else(|error| panic!("{error}: {document}"));
    match back.as_slice() {
        [Verb::Say(_), Verb::Gather(gather), Verb::Connect(connect), Verb::Redirect { .. }, Verb::Hangup] => {
            assert!(matches!(
                gather.prompts.as_slice(),
                [Prompt::Say(_), Prompt::Play { .. }, Prompt::Pause { seconds: 1 }]
            ));
            assert_eq!(connect.stream.parameters.len(), 1);
        }
        // What cannot fit.
        [Verb::Hangup] => assert!(given.len() > MAX_DOCUMENT_BYTES / 100),
        other => panic!("other verbs: {other:?}"),
    }
}
