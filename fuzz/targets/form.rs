//! Bodies and queries of webhooks. Nothing panics; what was read can be written and read again; `Debug` shows no value.

use trunkline::twilio::webhook::{
    CallStatusWebhook, DialEndedWebhook, Form, GatherWebhook, StreamStatusWebhook, VoiceWebhook,
};

pub(crate) fn run(bytes: &[u8]) {
    let query = Form::parse_query(&super::text(bytes));
    for form in [Form::parse(bytes), query].into_iter().flatten() {
        if let Ok(again) = Form::parse(form.encode().as_bytes()) {
            assert_eq!(again, form);
        }
        VoiceWebhook::read(&form).ok();
        CallStatusWebhook::read(&form).ok();
        StreamStatusWebhook::read(&form).ok();
        DialEndedWebhook::read(&form).ok();
        if let Ok(gather) = GatherWebhook::read(&form) {
            let shown = format!("{gather:?}");
            assert!(!gather.speech_result.is_some_and(|words| words.len() > 60 && shown.contains(&words)));
            assert!(gather.confidence.is_none_or(|confidence| (0.0..=1.0).contains(&confidence)));
        }
    }
}
