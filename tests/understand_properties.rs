//! What holds for every text and every value: nothing panics, nothing is invented, and what we say is what we hear.

use jiff::civil::{Date, Time, date};
use proptest::prelude::*;
use trunkline::understand::{Kind, Money, Per, Scene, TimeWindow, Value, read, speakable, words};

const KINDS: [Kind; 8] =
    [Kind::Date, Kind::Handover, Kind::Language, Kind::Money, Kind::Number, Kind::Phone, Kind::TimeWindow, Kind::YesNo];

fn scene(expect: Option<Kind>) -> Scene {
    Scene { now: date(2026, 11, 23).at(10, 0, 0, 0), expect }
}

/// Words from all corners of the lexicon, to be strung together at random.
const WORDS: &[&str] = &[
    "500",
    "2",
    "to",
    "do",
    "se",
    "paanch",
    "hazaar",
    "sau",
    "saade",
    "dhai",
    "five",
    "hundred",
    "and",
    "a",
    "half",
    "nahi",
    "not",
    "sorry",
    "or",
    "ya",
    "pm",
    "am",
    "baje",
    "ke",
    "baad",
    "pehle",
    "tak",
    "kal",
    "parso",
    "monday",
    "next",
    "subah",
    "shaam",
    "between",
    "per",
    "km",
    "trip",
    "ka",
    "ek",
    "rupees",
    "₹",
    "/-",
    ",",
    ".",
    "?",
    "...",
    "-",
    "/",
    "2:30",
    "28/11",
    "98765",
    "43210",
    "double",
    "order",
    "number",
    "loading",
    "extra",
    "total",
    "kam",
    "लाख",
    "सौ",
    "दो",
    "बजे",
    "कल",
    "नहीं",
    "५००",
    "half",
    "past",
    "quarter",
    "in",
    "hours",
    "ghante",
    "within",
    "point",
    "k",
    "5k",
    "१२",
    "manager",
    "baat",
    "hindi",
    "haan",
    "theek",
    "hai",
    "free",
    "charge",
    "no",
    "for",
    "hundred",
    "thousand",
    "crore",
    "paise",
    "dozen",
    "25th",
    "november",
    "tarikh",
    "din",
    "any",
    "time",
    "noon",
    "+91",
    "oh",
    "zero",
    "shunya",
    "and",
    "plus",
    "minimum",
    "maximum",
    "%",
    "99999999999999999999",
];

fn phrase() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS), 0..14).prop_map(|w| w.join(" "))
}

/// Words with no number and no name of a time in them, in three spellings.
fn small_talk() -> impl Strategy<Value = String> {
    let words = vec![
        "hello",
        "sir",
        "please",
        "the",
        "truck",
        "is",
        "outside",
        "what",
        "you",
        "mean",
        "bhai",
        "gaadi",
        "abhi",
        "bahar",
        "hai",
        "kya",
        "bol",
        "rahe",
        "ho",
        "nahi",
        "haan",
        "theek",
        "to",
        "for",
        "so",
        "and",
        "or",
        "ya",
        "se",
        "tak",
        "ke",
        "baad",
        "call",
        "me",
        "number",
        "order",
        "rupees",
        "per",
        "km",
        "charge",
        "loading",
        "extra",
        "total",
        "भाई",
        "गाड़ी",
        "बाहर",
        "है",
        "हाँ",
        "नहीं",
        "तो",
        "के",
        "बाद",
        "रुपये",
        "between",
        "after",
        "before",
        "le",
        ",",
        ".",
        "?",
    ];
    prop::collection::vec(prop::sample::select(words), 0..12).prop_map(|w| w.join(" "))
}

fn hindi_roman(n: u64) -> String {
    const ROMAN: [&str; 100] = [
        "shunya",
        "ek",
        "do",
        "teen",
        "char",
        "paanch",
        "chhe",
        "saat",
        "aath",
        "nau",
        "das",
        "gyarah",
        "barah",
        "terah",
        "chaudah",
        "pandrah",
        "solah",
        "satrah",
        "atharah",
        "unnis",
        "bees",
        "ikkis",
        "bais",
        "teis",
        "chaubis",
        "pachis",
        "chhabbis",
        "sattais",
        "atthais",
        "untis",
        "tees",
        "iktis",
        "battis",
        "taintis",
        "chauntis",
        "paintis",
        "chhattis",
        "saintis",
        "adtis",
        "untalis",
        "chalis",
        "iktalis",
        "bayalis",
        "taintalis",
        "chavalis",
        "paintalis",
        "chhiyalis",
        "saintalis",
        "adtalis",
        "unchas",
        "pachas",
        "ikyavan",
        "bavan",
        "tirpan",
        "chauvan",
        "pachpan",
        "chhappan",
        "sattavan",
        "atthavan",
        "unsath",
        "saath",
        "iksath",
        "basath",
        "tirsath",
        "chaunsath",
        "painsath",
        "chhiyasath",
        "sadsath",
        "adsath",
        "unhattar",
        "sattar",
        "ikhattar",
        "bahattar",
        "tihattar",
        "chauhattar",
        "pachhattar",
        "chhihattar",
        "satahattar",
        "athahattar",
        "unasi",
        "assi",
        "ikyasi",
        "bayasi",
        "tirasi",
        "chaurasi",
        "pachasi",
        "chhiyasi",
        "sattasi",
        "atthasi",
        "navasi",
        "nabbe",
        "ikyanve",
        "banve",
        "tiranve",
        "chauranve",
        "panchanve",
        "chhiyanve",
        "sattanve",
        "atthanve",
        "ninyanve",
    ];
    if n < 100 {
        return ROMAN[usize::try_from(n).unwrap_or(0)].to_owned();
    }
    let mut out = Vec::new();
    let mut rest = n;
    for (scale, name) in [(10_000_000, "karod"), (100_000, "lakh"), (1_000, "hazaar"), (100, "sau")] {
        if rest >= scale {
            out.push(hindi_roman(rest / scale));
            out.push(name.to_owned());
            rest %= scale;
        }
    }
    if rest > 0 {
        out.push(hindi_roman(rest));
    }
    out.join(" ")
}

fn commas(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        let left = digits.len() - i;
        if i > 0 && (left == 3 || left > 3 && left % 2 == 1) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

fn rupees(n: u64) -> Value {
    Value::Money(Money { paise: i64::try_from(n * 100).unwrap_or(0), upper_paise: None, per: None })
}

fn per() -> impl Strategy<Value = Option<Per>> {
    prop::sample::select(vec![
        None,
        Some(Per::Day),
        Some(Per::Hour),
        Some(Per::Kg),
        Some(Per::Km),
        Some(Per::Piece),
        Some(Per::Tonne),
        Some(Per::Trip),
    ])
}

fn time() -> impl Strategy<Value = Time> {
    (0..24i8, 0..60i8).prop_map(|(h, m)| Time::constant(h, m, 0, 0))
}

fn day() -> impl Strategy<Value = Date> {
    (0..364i32)
        .prop_map(|ahead| date(2026, 11, 23).checked_add(jiff::Span::new().days(ahead)).unwrap_or(date(2026, 11, 23)))
}

fn heard_again(value: &Value, kind: Kind) -> Result<(), TestCaseError> {
    for language in ["en-IN", "hi-IN"] {
        let said = words(value, language);
        prop_assert!(!said.chars().any(|c| c.is_numeric() || c == '₹'), "digits in {said:?}");
        let reading = read(&said, kind, &scene(Some(kind)));
        prop_assert_eq!(reading.value.as_ref(), Some(value), "{}", said);
        prop_assert!(!reading.ambiguous, "{said}");
        // A whole sentence made speakable says the same.
        let sentence = speakable(&said, language);
        prop_assert_eq!(&sentence, &said);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in any::<String>(), expect in prop::sample::select(KINDS.to_vec())) {
        for kind in KINDS {
            let reading = read(&text, kind, &scene(Some(expect)));
            prop_assert!(text.get(reading.span).is_some());
        }
        speakable(&text, "en-IN");
        speakable(&text, "hi-IN");
    }

    #[test]
    fn no_phrase_panics_and_readings_are_sound(text in phrase(), expect in prop::sample::select(KINDS.to_vec())) {
        for kind in KINDS {
            let reading = read(&text, kind, &scene(Some(expect)));
            prop_assert!(text.get(reading.span.clone()).is_some());
            prop_assert_eq!(reading.ambiguous, reading.readings.len() > 1, "{}", text);
            if let (true, Some(value)) = (reading.ambiguous, &reading.value) {
                prop_assert_eq!(reading.readings.first(), Some(&Some(value.clone())), "{}", text);
            }
            if reading.value.is_some() && kind != Kind::Handover {
                prop_assert!(!reading.span.is_empty(), "{}", text);
            }
        }
        for language in ["en-IN", "hi-IN"] {
            let said = speakable(&text, language);
            prop_assert!(!said.chars().any(|c| c.is_ascii_digit() || c == '₹'), "{} -> {}", text, said);
        }
    }

    #[test]
    fn no_number_words_no_number(text in small_talk(), expect in prop::sample::select(KINDS.to_vec())) {
        for kind in [Kind::Money, Kind::Number, Kind::Phone, Kind::TimeWindow, Kind::Date] {
            let reading = read(&text, kind, &scene(Some(expect)));
            prop_assert!(reading.value.is_none() && reading.readings.is_empty(), "{} {:?}", text, reading);
        }
    }

    #[test]
    fn amounts_survive_every_spelling(n in prop_oneof![1u64..2_000, 1u64..100_000, 1u64..=100_000_000]) {
        let value = rupees(n);
        let mut texts = vec![words(&value, "en-IN"), words(&value, "hi-IN"), format!("{} rupaye", hindi_roman(n)), commas(n), format!("₹{}", commas(n)), format!("{n} rupees")];
        if n < 100_000_000 {
            texts.push(hindi_roman(n));
        }
        for text in texts {
            let reading = read(&text, Kind::Money, &scene(Some(Kind::Money)));
            prop_assert_eq!(reading.value.as_ref(), Some(&value), "{}", text);
            prop_assert!(!reading.ambiguous);
            let spoken = speakable(&format!("charge {text} hai"), "hi-IN");
            let reading = read(&spoken, Kind::Money, &scene(Some(Kind::Money)));
            prop_assert_eq!(reading.value.as_ref(), Some(&value), "{}", spoken);
        }
    }

    #[test]
    fn money_said_is_money_heard(paise in prop_oneof![0i64..10_000, 0i64..1_000_000, 0i64..10_000_000_000], whole in any::<bool>(), per in per(), upper in prop::option::of(1i64..1_000_000)) {
        let paise = if whole { paise - paise % 100 } else { paise };
        let upper = upper.map(|u| paise - paise % 100 + u * 100);
        heard_again(&Value::Money(Money { paise, upper_paise: upper, per }), Kind::Money)?;
    }

    #[test]
    fn windows_said_are_windows_heard(start in prop::option::of(time()), end in prop::option::of(time()), date in prop::option::of(day()), round in any::<bool>()) {
        let fit = |t: Time| if round { Time::constant(t.hour(), t.minute() / 15 * 15, 0, 0) } else { t };
        heard_again(&Value::TimeWindow(TimeWindow { start: start.map(fit), end: end.map(fit), date }), Kind::TimeWindow)?;
    }

    #[test]
    fn dates_numbers_and_phones_said_are_heard(day in day(), whole in 0u64..10_000_000, frac in prop::option::of(1u32..1000), mobile in 6_000_000_000u64..10_000_000_000, landline in 1_100_000_000u64..6_000_000_000) {
        heard_again(&Value::Date(day), Kind::Date)?;
        let number = match frac {
            Some(frac) => format!("{whole}.{}", format!("{frac:03}").trim_end_matches('0')),
            None => whole.to_string(),
        };
        heard_again(&Value::Number(number), Kind::Number)?;
        heard_again(&Value::Phone(format!("+91{mobile}")), Kind::Phone)?;
        heard_again(&Value::Phone(format!("+91{landline}")), Kind::Phone)?;
    }
}

#[test]
fn answers_and_languages_said_are_heard() {
    for language in ["en-IN", "hi-IN"] {
        for yes in [true, false] {
            let reading = read(&words(&Value::YesNo(yes), language), Kind::YesNo, &scene(Some(Kind::YesNo)));
            assert_eq!(reading.value, Some(Value::YesNo(yes)));
        }
        for code in ["en-IN", "hi-IN", "mr-IN", "ta-IN", "te-IN", "kn-IN", "gu-IN", "bn-IN", "ml-IN", "pa-IN"] {
            let reading = read(&words(&Value::Language(code), language), Kind::Language, &scene(Some(Kind::Language)));
            assert_eq!(reading.value, Some(Value::Language(code)));
        }
    }
}

#[test]
fn sentences_become_speakable() {
    let english = [
        (
            "₹2,500 per trip between 2-5pm on 24 Nov, call 9876543210",
            "two thousand five hundred rupees per trip between two to five in the afternoon on twenty fourth November, call nine eight seven six five, four three two one zero",
        ),
        ("That is ₹450-500, right?", "That is four hundred fifty to five hundred rupees, right?"),
        ("Pay 500/- at 14:30.", "Pay five hundred rupees at two thirty in the afternoon."),
        ("Rs. 1,50,000 plus 18% GST", "one lakh fifty thousand rupees plus eighteen percent GST"),
        ("We need 2.5 tonnes by 25th.", "We need two point five tonnes by twenty fifth."),
        ("No digits here.", "No digits here."),
    ];
    for (text, said) in english {
        assert_eq!(speakable(text, "en-IN"), said);
    }
    assert_eq!(speakable("₹500, 2-5pm ठीक है?", "hi-IN"), "पाँच सौ रुपये, दोपहर दो बजे से शाम पाँच बजे तक ठीक है?");
    assert_eq!(speakable("24/11 को 10 पेटी", "hi-IN"), "चौबीस नवंबर को दस पेटी");
    assert_eq!(speakable("₹500", "ta-IN"), "₹500");
}

#[test]
fn unfinished_values_wait_for_more_words() {
    let waits = [
        ("five hundred and", Kind::Money),
        ("dhai", Kind::Money),
        ("saade", Kind::Money),
        ("500 se", Kind::Money),
        ("between two", Kind::TimeWindow),
        ("2 to", Kind::TimeWindow),
        ("do se", Kind::TimeWindow),
        ("monday aur", Kind::Date),
        ("98765 43", Kind::Phone),
        ("nine eight seven double", Kind::Phone),
    ];
    for (text, kind) in waits {
        assert!(read(text, kind, &scene(Some(kind))).unfinished, "{text}");
    }
    let complete = [
        ("five hundred rupees", Kind::Money),
        ("2 to 5", Kind::TimeWindow),
        ("dhai hazaar", Kind::Money),
        ("kal", Kind::Date),
        ("98765 43210", Kind::Phone),
        ("haan ji", Kind::YesNo),
    ];
    for (text, kind) in complete {
        assert!(!read(text, kind, &scene(Some(kind))).unfinished, "{text}");
    }
}

#[test]
fn of_a_text_without_end_the_last_words_count() {
    let scene = scene(Some(Kind::Money));
    let text = format!("nine hundred rupees {} five hundred rupees", "पर हाँ तो, ".repeat(3_000));
    let reading = read(&text, Kind::Money, &scene);
    assert_eq!(reading.value, read("five hundred rupees", Kind::Money, &scene).value);
    assert_eq!(&text[reading.span], "five hundred rupees");
}
