//! Names of the languages on offer and of some that are not, in their own and each other's scripts.

use super::Table;
use super::Word::*;

pub(super) const WORDS: Table = &[
    (
        Language("en-IN"),
        "english inglish angrezi angreji angrezee angrezi_mein अंग्रेज़ी अंग्रेजी इंग्लिश इंगलिश अँग्रेज़ी अंग्रेज़ी_में इंग्रजी ingraji ingreji ఇంగ్లీష్ ఇంగ్లీషు ఆంగ్లం ఇంగ్లీష్‌లో ஆங்கிலம் ஆங்கிலத்தில் இங்கிலீஷ் ಇಂಗ್ಲಿಷ್ ಇಂಗ್ಲೀಷ್ ಆಂಗ್ಲ \
         ઇંગ્લિશ અંગ્રેજી ইংরেজি ইংলিশ ইংরাজি ഇംഗ്ലീഷ് ആംഗലം ਅੰਗਰੇਜ਼ੀ ਅੰਗ੍ਰੇਜ਼ੀ ਇੰਗਲਿਸ਼ angrezi_me englis englsh",
    ),
    (
        Language("hi-IN"),
        "hindi hindee हिंदी हिन्दी हिंदि हिन्दि हिन्दुस्तानी హిందీ హిందీలో ஹிந்தி இந்தி ஹிந்தியில் ಹಿಂದಿ ಹಿಂದಿಯಲ್ಲಿ હિન્દી હિંદી হিন্দি হিন্দিতে ഹിന്ദി ഹിന്ദിയിൽ ਹਿੰਦੀ ਹਿੰਦੀ_ਵਿੱਚ hindhi hindi_mein hind",
    ),
    (Language("mr-IN"), "marathi maraathi marati मराठी मराठीत మరాఠీ மராத்தி ಮರಾಠಿ મરાઠી মারাঠি മറാത്തി ਮਰਾਠੀ marathit marathee"),
    (
        Language("ta-IN"),
        "tamil tamizh thamizh tamil_mein तमिल तामिल தமிழ் தமிழில் தமிழ்ல தமிழிலே தமிழை తమిళం తమిళ్ ತಮಿಳು તમિલ তামিল തമിഴ് ਤਮਿਲ tamizhil tamilil thamil தமிழிலேயே தமிழா",
    ),
    (
        Language("te-IN"),
        "telugu telegu telugoo तेलुगु तेलुगू तेलगु తెలుగు తెలుగులో தெலுங்கு ತೆಲುಗು તેલુગુ তেলুগু তেলেগু തെലുങ്ക് తెలుగే ਤੇਲਗੂ telugulo telgu",
    ),
    (
        Language("kn-IN"),
        "kannada kannad kannadaa canada_language कन्नड़ कन्नड कन्नडा ಕನ್ನಡ ಕನ್ನಡದಲ್ಲಿ ಕನ್ನಡದಲ್ಲೇ கன்னடம் కన్నడ కన్నడం કન્નડ কন্নড় കന്നഡ ਕੰਨੜ kannadadalli",
    ),
    (
        Language("gu-IN"),
        "gujarati gujrati gujaraati gujarathi गुजराती ગુજરાતી ગુજરાતીમાં గుజరాతీ குஜராத்தி ಗುಜರಾತಿ গুজরাটি ഗുജറാത്തി ਗੁਜਰਾਤੀ gujaratima gujju",
    ),
    (
        Language("bn-IN"),
        "bengali bangla bangali baangla बंगाली बांग्ला बंगला बाङ्ला बाँग्ला বাংলা বাংলায় বাংলাতে বাঙলা বাঙালি బెంగాలీ வங்காளம் பெங்காலி ಬೆಂಗಾಲಿ બંગાળી ബംഗാളി ਬੰਗਾਲੀ banglay",
    ),
    (
        Language("ml-IN"),
        "malayalam malyalam malayalm malayaalam मलयालम मलयालम् മലയാളം മലയാളത്തിൽ മലയാളത്തില് മലയാളത്തിൽ_മതി மலையாளம் మలయాళం ಮಲಯಾಳಂ મલયાલમ মালয়ালম ਮਲਿਆਲਮ malayalathil mallu",
    ),
    (
        Language("pa-IN"),
        "punjabi panjabi punjabee पंजाबी पन्जाबी ਪੰਜਾਬੀ ਪੰਜਾਬੀ_ਵਿੱਚ ਪੰਜਾਬੀ_ਵਿਚ ਪੰਜਾਬੀ_ਚ పంజాబీ பஞ்சாபி ಪಂಜಾಬಿ પંજાબી পাঞ্জাবি പഞ്ചാബി پنجابی",
    ),
    (
        OtherLanguage,
        "odia oriya urdu assamese nepali konkani sindhi sanskrit bhojpuri maithili kashmiri manipuri santali dogri bodo tulu \
         rajasthani marwari haryanvi french german spanish chinese japanese arabic russian portuguese italian korean \
         ओड़िया उड़िया उर्दू असमिया नेपाली कोंकणी सिंधी संस्कृत भोजपुरी मैथिली राजस्थानी मारवाड़ी हरियाणवी ଓଡ଼ିଆ ଓଡିଆ اردو অসমীয়া chhattisgarhi mandarin persian \
         magahi awadhi kumaoni garhwali फ्रेंच छत्तीसगढ़ी अवधी",
    ),
];

/// The first spelling of a language's name in Latin letters, in Devanagari and in its own script.
pub(in crate::understand) fn of(iso639: &str) -> Vec<String> {
    let own = match iso639 {
        "bn" => '\u{980}'..'\u{a00}',
        "pa" => '\u{a00}'..'\u{a80}',
        "gu" => '\u{a80}'..'\u{b00}',
        "ta" => '\u{b80}'..'\u{c00}',
        "te" => '\u{c00}'..'\u{c80}',
        "kn" => '\u{c80}'..'\u{d00}',
        "ml" => '\u{d00}'..'\u{d80}',
        _ => '\u{900}'..'\u{980}',
    };
    let row = WORDS.iter().find(|(word, _)| matches!(word, Language(code) if code.split('-').next() == Some(iso639)));
    let spellings = || row.map_or("", |(_, spellings)| *spellings).split_whitespace();
    let mut names: Vec<String> = Vec::new();
    for script in ['a'..'{', '\u{900}'..'\u{980}', own] {
        let Some(name) = spellings().find(|name| name.chars().next().is_some_and(|c| script.contains(&c))) else {
            continue;
        };
        let mut letters = name.chars();
        let name: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_language_is_named_in_the_scripts_its_speakers_use() {
        assert_eq!(super::of("en"), ["English", "अंग्रेज़ी"]);
        assert_eq!(super::of("hi"), ["Hindi", "हिंदी"]);
        assert_eq!(super::of("ta"), ["Tamil", "तमिल", "தமிழ்"]);
        assert_eq!(super::of("pa"), ["Punjabi", "पंजाबी", "ਪੰਜਾਬੀ"]);
        assert!(super::of("fr").is_empty());
    }
}
