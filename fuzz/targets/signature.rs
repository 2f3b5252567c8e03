//! Signatures. Nothing panics; our own signature of any URL and form holds; one of other content, another URL or a
//! changed signature does not; a target that is no path has no URL of ours.

use trunkline::twilio::signature::{self, Content, SignedRequest, Verifier};
use trunkline::twilio::webhook::Form;

pub(crate) fn run(bytes: &[u8]) {
    // target, line feed, signature, line feed, settings, line feed, body
    let mut parts = bytes.splitn(4, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (target, given, settings, body) = (super::text(next()), super::text(next()), super::text(next()), next());
    let Ok(form) = Form::parse(body) else { return };
    let verifier = Verifier::new(["a token", ""]);
    for websocket in [false, true] {
        let urls = signature::candidates("https://voice.example.in", &target, websocket);
        assert_eq!(
            urls.is_empty(),
            !target.starts_with('/') || !target.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
        );
        let scheme = if websocket { "wss://voice.example.in" } else { "https://voice.example.in" };
        assert!(urls.iter().all(|url| url.starts_with(scheme)), "{urls:?}");
        let contents = [Content::Nothing, Content::Form(form.pairs()), Content::Body(body)];
        for content in contents {
            let request = SignedRequest { urls: &urls, signature: &given, settings: Some(&*settings), content };
            assert!(verifier.verify(&request).is_err(), "a signature was guessed");
        }
        let Some(url) = urls.first() else { continue };
        let ours = signature::compute(b"a token", url, form.pairs());
        let signed = |signature: &str, pairs: &[(String, String)], urls: &[String]| {
            let content = Content::Form(pairs);
            verifier.verify(&SignedRequest { urls, signature, settings: None, content }).is_ok()
        };
        assert!(signed(&ours, form.pairs(), &urls), "our own signature does not hold");
        assert!(!signed(&ours, form.pairs(), &[format!("{url}x")]), "it holds for another URL");
        // Twilio signs a pair that comes twice once; so the new one must be new.
        let pair = ("Zz".to_owned(), "1".to_owned());
        if form.pairs().contains(&pair) {
            continue;
        }
        let more: Vec<_> = form.pairs().iter().cloned().chain([pair]).collect();
        assert!(!signed(&ours, &more, &urls), "it holds for another form");
        assert!(!signed(&ours[1..], form.pairs(), &urls));
    }
}
