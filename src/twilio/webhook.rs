//! What Twilio's requests say: form bodies (and queries) as ordered pairs, and typed views of the ones we know.
//!
//! Every field is kept, blanks too: the signature covers them all, and Twilio adds fields without notice. No HTTP here.
//! `Debug` of a form and of a view shows no number and no word of the caller.
//! Key types: [`Form`], [`VoiceWebhook`], [`GatherWebhook`], [`CallStatusWebhook`], [`StreamStatusWebhook`],
//! [`DialEndedWebhook`]. Wire facts: <https://www.twilio.com/docs/voice/twiml#request-parameters>.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::phone::Address;
use super::{CallSid, StreamSid};

/// Bytes of the longest body or query we read. Twilio's are one or two kilobytes.
pub const MAX_FORM_BYTES: usize = 64 * 1024;
/// Fields of the longest form we read. Twilio sends some thirty.
pub const MAX_FORM_FIELDS: usize = 256;

/// The fields of a form body or a query, decoded, in the order they came, duplicates and blanks included.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads an `application/x-www-form-urlencoded` body.
    ///
    /// # Errors
    /// [`WebhookError::TooLong`] or [`WebhookError::TooManyFields`]. Everything else is a form, an empty body too.
    pub fn parse(body: &[u8]) -> Result<Self, WebhookError> {
        if body.len() > MAX_FORM_BYTES {
            return Err(WebhookError::TooLong);
        }
        let mut pairs = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if pairs.len() == MAX_FORM_FIELDS {
                return Err(WebhookError::TooManyFields);
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    /// Reads the query of a GET: what stands after `?` in the raw request target, or nothing.
    ///
    /// # Errors
    /// As [`Form::parse`].
    pub fn parse_query(target: &str) -> Result<Self, WebhookError> {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        Self::parse(query.as_bytes())
    }

    /// Takes pairs that are decoded already.
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// All pairs, in the order they came.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The first value of a field, as it came; blank is a value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a field, unless it is blank.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.trim().is_empty())
    }

    /// The form as a body, to be sent.
    pub fn encode(&self) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        out.extend_pairs(&self.0);
        out.finish()
    }

    fn call_sid(&self) -> Result<CallSid, WebhookError> {
        let text = self.filled("CallSid").ok_or(WebhookError::Missing("CallSid"))?;
        CallSid::parse(text).map_err(|_| WebhookError::Bad("CallSid"))
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.filled(name).and_then(|text| text.trim().parse().ok())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.filled(name).map(str::to_owned)
    }
}

/// Names only: values are numbers and words of people.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// What a call asks for TwiML with: the first request of a call, and the ones on the way (`<Redirect>`, `<Connect action>`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoiceWebhook {
    /// The call.
    pub call_sid: CallSid,
    /// Who calls.
    pub from: Address,
    /// Who is called.
    pub to: Address,
    /// Who started the call.
    pub direction: Direction,
    /// Where the call stands; `Ringing` when an inbound call first asks.
    pub call_status: CallStatus,
    /// Who picked up, where answering machine detection ran before.
    pub answered_by: Option<AnsweredBy>,
    /// The account that owns the call.
    pub account_sid: Option<String>,
}

/// What a `<Gather>` heard: words, keys, or nothing.
#[derive(Clone, PartialEq)]
pub struct GatherWebhook {
    /// The call.
    pub call_sid: CallSid,
    /// The caller's words as Twilio recognised them.
    pub speech_result: Option<String>,
    /// 0 to 1; absent with some recognisers.
    pub confidence: Option<f32>,
    /// The keys the caller pressed.
    pub digits: Option<String>,
    /// The language Twilio listened for.
    pub language: Option<String>,
    /// Where the call stands.
    pub call_status: CallStatus,
}

/// Progress of a call. Comes at least once, in any order: [`CallStatusWebhook::sequence_number`] tells the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallStatusWebhook {
    /// The call.
    pub call_sid: CallSid,
    /// Where the call stood when the callback was made.
    pub call_status: CallStatus,
    /// 0 for the first callback of a call, then one more for each.
    pub sequence_number: Option<u32>,
    /// Seconds the call took (`CallDuration`; Twilio's `Duration` is billed minutes). On the last callback only.
    pub duration_s: Option<u64>,
    /// Who picked up, where answering machine detection ran.
    pub answered_by: Option<AnsweredBy>,
    /// Why the far end refused (486 is busy), where it said so.
    pub sip_response_code: Option<u16>,
    /// When, as Twilio wrote it (RFC 2822).
    pub timestamp: Option<String>,
}

/// The start, end or failure of a media stream. The only place where a failed socket handshake is explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamStatusWebhook {
    /// The call.
    pub call_sid: CallSid,
    /// The stream.
    pub stream_sid: Option<StreamSid>,
    /// The name our TwiML gave it.
    pub stream_name: Option<String>,
    /// What happened.
    pub stream_event: StreamEvent,
    /// What went wrong, in Twilio's words.
    pub stream_error: Option<String>,
    /// When, as Twilio wrote it (ISO 8601).
    pub timestamp: Option<String>,
}

/// How a `<Dial>` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialEndedWebhook {
    /// The caller's call.
    pub call_sid: CallSid,
    /// How it went.
    pub dial_call_status: DialStatus,
    /// The call to the person.
    pub dial_call_sid: Option<CallSid>,
    /// Seconds the two spoke.
    pub dial_duration_s: Option<u64>,
    /// Whether the two were connected.
    pub bridged: Option<bool>,
}

/// Why a request of Twilio's was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// More than [`MAX_FORM_BYTES`].
    #[error("a form longer than {MAX_FORM_BYTES} bytes")]
    TooLong,
    /// More than [`MAX_FORM_FIELDS`].
    #[error("a form of more than {MAX_FORM_FIELDS} fields")]
    TooManyFields,
    /// A field the request cannot do without is absent or blank.
    #[error("a webhook without {0}")]
    Missing(&'static str),
    /// A field of another shape than Twilio's.
    #[error("a webhook with a bad {0}")]
    Bad(&'static str),
}

impl VoiceWebhook {
    /// Reads the fields.
    ///
    /// # Errors
    /// [`WebhookError`] where `CallSid` is missing or malformed.
    pub fn read(form: &Form) -> Result<Self, WebhookError> {
        Ok(Self {
            call_sid: form.call_sid()?,
            from: Address::new(form.get("From").unwrap_or_default()),
            to: Address::new(form.get("To").unwrap_or_default()),
            direction: Direction::read(form.get("Direction").unwrap_or_default()),
            call_status: CallStatus::read(form.get("CallStatus").unwrap_or_default()),
            answered_by: form.filled("AnsweredBy").map(AnsweredBy::read),
            account_sid: form.text("AccountSid"),
        })
    }
}

impl GatherWebhook {
    /// Reads the fields. Neither words nor keys means that nothing was heard.
    ///
    /// # Errors
    /// [`WebhookError`] where `CallSid` is missing or malformed.
    pub fn read(form: &Form) -> Result<Self, WebhookError> {
        Ok(Self {
            call_sid: form.call_sid()?,
            speech_result: form.filled("SpeechResult").map(|text| text.trim().to_owned()),
            confidence: form.number::<f32>("Confidence").filter(|c| (0.0..=1.0).contains(c)),
            digits: form
                .filled("Digits")
                .map(str::trim)
                .filter(|d| d.bytes().all(|b| matches!(b, b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D')))
                .map(str::to_owned),
            language: form.text("Language"),
            call_status: CallStatus::read(form.get("CallStatus").unwrap_or_default()),
        })
    }
}

impl fmt::Debug for GatherWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = |text: &Option<String>| text.as_ref().map(|t| t.chars().count());
        f.debug_struct("GatherWebhook")
            .field("call_sid", &self.call_sid)
            .field("speech_characters", &length(&self.speech_result))
            .field("confidence", &self.confidence)
            .field("digit_count", &length(&self.digits))
            .field("language", &self.language)
            .field("call_status", &self.call_status)
            .finish()
    }
}

impl CallStatusWebhook {
    /// Reads the fields.
    ///
    /// # Errors
    /// [`WebhookError`] where `CallSid` is missing or malformed, or `CallStatus` is missing.
    pub fn read(form: &Form) -> Result<Self, WebhookError> {
        Ok(Self {
            call_sid: form.call_sid()?,
            call_status: form.filled("CallStatus").map(CallStatus::read).ok_or(WebhookError::Missing("CallStatus"))?,
            sequence_number: form.number("SequenceNumber"),
            duration_s: form.number("CallDuration"),
            answered_by: form.filled("AnsweredBy").map(AnsweredBy::read),
            sip_response_code: form.number("SipResponseCode"),
            timestamp: form.text("Timestamp"),
        })
    }
}

impl StreamStatusWebhook {
    /// Reads the fields.
    ///
    /// # Errors
    /// [`WebhookError`] where `CallSid` is missing or malformed, or `StreamEvent` is missing.
    pub fn read(form: &Form) -> Result<Self, WebhookError> {
        Ok(Self {
            call_sid: form.call_sid()?,
            stream_sid: form.filled("StreamSid").and_then(|sid| StreamSid::parse(sid).ok()),
            stream_name: form.text("StreamName"),
            stream_event: form
                .filled("StreamEvent")
                .map(StreamEvent::read)
                .ok_or(WebhookError::Missing("StreamEvent"))?,
            stream_error: form.text("StreamError"),
            timestamp: form.text("Timestamp"),
        })
    }
}

impl DialEndedWebhook {
    /// Reads the fields.
    ///
    /// # Errors
    /// [`WebhookError`] where `CallSid` is missing or malformed, or `DialCallStatus` is missing.
    pub fn read(form: &Form) -> Result<Self, WebhookError> {
        Ok(Self {
            call_sid: form.call_sid()?,
            dial_call_status: form
                .filled("DialCallStatus")
                .map(DialStatus::read)
                .ok_or(WebhookError::Missing("DialCallStatus"))?,
            dial_call_sid: form.filled("DialCallSid").and_then(|sid| CallSid::parse(sid).ok()),
            dial_duration_s: form.number("DialCallDuration"),
            bridged: form.number("DialBridged"),
        })
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)+
            /// A word of Twilio's that we do not know.
            #[serde(other, rename = "unknown-word")]
            Unknown,
        }

        impl $name {
            /// Reads Twilio's word; one we do not know is [`Self::Unknown`].
            pub fn read(word: &str) -> Self {
                match word.trim() {
                    $($text => Self::$variant,)+
                    _ => Self::Unknown,
                }
            }

            /// Twilio's word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Unknown => "unknown-word",
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// Where a call stands.
    CallStatus {
        /// Accepted by Twilio, not yet dialled.
        Queued = "queued",
        /// Dialled, not yet ringing.
        Initiated = "initiated",
        /// The telephone rings.
        Ringing = "ringing",
        /// Somebody, or something, picked up.
        InProgress = "in-progress",
        /// Ended after it was answered.
        Completed = "completed",
        /// The called line was busy.
        Busy = "busy",
        /// Could not be connected.
        Failed = "failed",
        /// Nobody picked up.
        NoAnswer = "no-answer",
        /// Ended by us before it was answered.
        Canceled = "canceled",
    }
);

words!(
    /// Who started a call.
    Direction {
        /// Somebody called our number.
        Inbound = "inbound",
        /// We called, through the REST interface.
        OutboundApi = "outbound-api",
        /// A `<Dial>` of ours called.
        OutboundDial = "outbound-dial",
    }
);

words!(
    /// Who or what picked up, as answering machine detection judged.
    AnsweredBy {
        /// A person.
        Human = "human",
        /// A machine, judged at its first words.
        MachineStart = "machine_start",
        /// A machine, after its beep.
        MachineEndBeep = "machine_end_beep",
        /// A machine, after silence.
        MachineEndSilence = "machine_end_silence",
        /// A machine, after its message.
        MachineEndOther = "machine_end_other",
        /// A fax.
        Fax = "fax",
        /// Detection could not tell (Twilio's own word).
        Undecided = "unknown",
    }
);

words!(
    /// What happened to a media stream.
    StreamEvent {
        /// The socket is open.
        Started = "stream-started",
        /// It ended as it should.
        Stopped = "stream-stopped",
        /// It failed.
        Error = "stream-error",
    }
);

words!(
    /// How a `<Dial>` ended.
    DialStatus {
        /// The two spoke.
        Completed = "completed",
        /// The two spoke (conference).
        Answered = "answered",
        /// The person's line was busy.
        Busy = "busy",
        /// The person did not pick up.
        NoAnswer = "no-answer",
        /// Could not be connected.
        Failed = "failed",
        /// The caller hung up first.
        Canceled = "canceled",
    }
);

impl CallStatus {
    /// Whether the call is over.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Completed | Self::Busy | Self::Failed | Self::NoAnswer | Self::Canceled => true,
            Self::Queued | Self::Initiated | Self::Ringing | Self::InProgress | Self::Unknown => false,
        }
    }
}

impl AnsweredBy {
    /// Whether a machine picked up, so that there is nobody to talk to.
    pub fn is_machine(self) -> bool {
        match self {
            Self::MachineStart | Self::MachineEndBeep | Self::MachineEndSilence | Self::MachineEndOther | Self::Fax => {
                true
            }
            Self::Human | Self::Undecided | Self::Unknown => false,
        }
    }
}

impl DialStatus {
    /// Whether the caller reached the person.
    pub fn reached(self) -> bool {
        match self {
            Self::Completed | Self::Answered => true,
            Self::Busy | Self::NoAnswer | Self::Failed | Self::Canceled | Self::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A real inbound call's first request, masked.
    const VOICE: &str = "AccountSid=AC00000000000000000000000000000001&ApiVersion=2010-04-01&CallSid=CA00000000000000000000000000000001&CallStatus=ringing&Called=%2B912248900000&CalledCity=&Caller=%2B919876543210&Direction=inbound&From=%2B919876543210&FromCity=NAVI+MUMBAI&StirVerstat=&To=%2B912248900000&ToCity=";

    fn form(body: &str) -> Form {
        Form::parse(body.as_bytes()).unwrap()
    }

    #[test]
    fn blanks_order_and_duplicates_are_kept() {
        let form = form("b=2&a=&b=1&c&%E0%A4%B9=%E0%A4%BE+x%2B");
        let pairs: Vec<_> = form.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("b", "2"), ("a", ""), ("b", "1"), ("c", ""), ("ह", "ा x+")]);
        assert_eq!(form.get("a"), Some(""));
        assert_eq!(form.filled("a"), None);
        assert_eq!(form.get("b"), Some("2"));
    }

    #[test]
    fn a_get_carries_the_same_fields_in_its_query() {
        let query = Form::parse_query(&format!("/voice?agent_type=LOGISTICS&{VOICE}")).unwrap();
        assert_eq!(VoiceWebhook::read(&query), VoiceWebhook::read(&form(VOICE)));
        assert_eq!(query.get("agent_type"), Some("LOGISTICS"));
        assert_eq!(Form::parse_query("/voice"), Ok(Form::default()));
    }

    #[test]
    fn a_voice_request_is_read() {
        let voice = VoiceWebhook::read(&form(VOICE)).unwrap();
        assert_eq!(voice.from.as_str(), "+919876543210");
        assert_eq!(voice.to.as_str(), "+912248900000");
        assert_eq!(voice.direction, Direction::Inbound);
        assert_eq!(voice.call_status, CallStatus::Ringing);
        assert_eq!(voice.answered_by, None);
    }

    #[test]
    fn words_keys_or_nothing_are_gathered() {
        let words =
            GatherWebhook::read(&form("CallSid=CA1&SpeechResult=+dhai+hazaar+&Confidence=0.91234&Language=hi-IN"))
                .unwrap();
        assert_eq!(words.speech_result.as_deref(), Some("dhai hazaar"));
        assert_eq!(words.confidence, Some(0.912_34));
        assert_eq!(words.language.as_deref(), Some("hi-IN"));
        let keys = GatherWebhook::read(&form("CallSid=CA1&Digits=1%23&Confidence=")).unwrap();
        assert_eq!((keys.digits.as_deref(), keys.speech_result, keys.confidence), (Some("1#"), None, None));
        let nothing = GatherWebhook::read(&form("CallSid=CA1&SpeechResult=&Digits=&Confidence=NaN")).unwrap();
        assert_eq!((nothing.digits, nothing.speech_result, nothing.confidence), (None, None, None));
        let odd = GatherWebhook::read(&form("CallSid=CA1&Digits=hangup")).unwrap();
        assert_eq!(odd.digits, None);
    }

    #[test]
    fn a_status_callback_counts_seconds_not_billed_minutes() {
        let status = CallStatusWebhook::read(&form(
            "CallSid=CA1&CallStatus=completed&CallDuration=49&Duration=1&SequenceNumber=3&CallbackSource=call-progress-events&Timestamp=Sun%2C%2025%20Mar%202018%2009%3A53%3A19%20%2B0000&AnsweredBy=human",
        ))
        .unwrap();
        assert_eq!(status.duration_s, Some(49));
        assert_eq!(status.sequence_number, Some(3));
        assert_eq!(status.answered_by, Some(AnsweredBy::Human));
        assert!(status.call_status.is_terminal());
        let busy = CallStatusWebhook::read(&form("CallSid=CA1&CallStatus=busy&SipResponseCode=486")).unwrap();
        assert_eq!((busy.call_status, busy.sip_response_code), (CallStatus::Busy, Some(486)));
        let new = CallStatusWebhook::read(&form("CallSid=CA1&CallStatus=levitating")).unwrap();
        assert_eq!(new.call_status, CallStatus::Unknown);
        assert!(!new.call_status.is_terminal());
    }

    #[test]
    fn words_of_twilio_survive_storage_new_ones_too() {
        for status in [CallStatus::NoAnswer, CallStatus::InProgress, CallStatus::Unknown] {
            let stored = serde_json::to_string(&status).unwrap();
            assert_eq!(stored, format!("\"{status}\""));
            assert_eq!(serde_json::from_str::<CallStatus>(&stored).unwrap(), status);
            assert_eq!(CallStatus::read(status.as_str()), status);
        }
        assert_eq!(serde_json::from_str::<CallStatus>("\"levitating\"").unwrap(), CallStatus::Unknown);
    }

    #[test]
    fn a_failed_stream_says_why() {
        let stream = StreamStatusWebhook::read(&form(
            "CallSid=CA1&StreamSid=MZ1&StreamName=call-1&StreamEvent=stream-error&StreamError=Stream+-+WebSocket+-+Handshake+Error",
        ))
        .unwrap();
        assert_eq!(stream.stream_event, StreamEvent::Error);
        assert_eq!(stream.stream_error.as_deref(), Some("Stream - WebSocket - Handshake Error"));
    }

    #[test]
    fn a_dial_reached_a_person_or_did_not() {
        let dial = DialEndedWebhook::read(&form(
            "CallSid=CA1&DialCallStatus=completed&DialCallSid=CA2&DialCallDuration=61&DialBridged=true",
        ))
        .unwrap();
        assert!(dial.dial_call_status.reached());
        assert_eq!((dial.dial_duration_s, dial.bridged), (Some(61), Some(true)));
        let missed = DialEndedWebhook::read(&form("CallSid=CA1&DialCallStatus=no-answer")).unwrap();
        assert!(!missed.dial_call_status.reached());
    }

    #[test]
    fn a_request_of_no_call_is_refused() {
        assert_eq!(VoiceWebhook::read(&form("From=%2B91")), Err(WebhookError::Missing("CallSid")));
        assert_eq!(GatherWebhook::read(&form("CallSid=")), Err(WebhookError::Missing("CallSid")));
        assert_eq!(
            CallStatusWebhook::read(&form("CallSid=CA1/../x&CallStatus=busy")),
            Err(WebhookError::Bad("CallSid"))
        );
        assert_eq!(DialEndedWebhook::read(&form("CallSid=CA1")), Err(WebhookError::Missing("DialCallStatus")));
        assert_eq!(StreamStatusWebhook::read(&form("CallSid=CA1")), Err(WebhookError::Missing("StreamEvent")));
    }

    #[test]
    fn size_and_count_are_bounded() {
        assert_eq!(Form::parse(&vec![b'a'; MAX_FORM_BYTES + 1]), Err(WebhookError::TooLong));
        assert_eq!(Form::parse("a=1&".repeat(MAX_FORM_FIELDS + 1).as_bytes()), Err(WebhookError::TooManyFields));
        assert!(Form::parse("a=1&".repeat(MAX_FORM_FIELDS).as_bytes()).is_ok());
    }

    #[test]
    fn a_log_sees_no_number_and_no_word() {
        let text = format!(
            "{:?} {:?} {:?}",
            form(VOICE),
            VoiceWebhook::read(&form(VOICE)).unwrap(),
            GatherWebhook::read(&form("CallSid=CA1&SpeechResult=dhai+hazaar&Digits=4711")).unwrap()
        );
        for secret in ["98765", "dhai", "4711"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let form = Form::parse(&body).unwrap();
            drop(GatherWebhook::read(&form));
            drop(CallStatusWebhook::read(&form));
        }

        #[test]
        fn a_form_survives_its_encoding(pairs in prop::collection::vec((".{1,8}", ".{0,20}"), 0..12)) {
            let form = Form::from_pairs(pairs);
            prop_assert_eq!(Form::parse(form.encode().as_bytes()), Ok(form));
        }
    }
}
