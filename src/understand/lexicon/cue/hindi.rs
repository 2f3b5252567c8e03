//! Hindi, in both scripts.

use super::{Cues, Rows};

pub(super) const ROWS: Rows = &[
    (&[Cues::CALL], "fon phon कॉल काल फोन मैसेज मेसेज व्हाट्सएप वाट्सएप संदेश"),
    (
        &[Cues::CALL, Cues::HINDI],
        "baat बात batata batati batate bataunga bataungi batayenge batayunga bataenge बताता बताती बताते बताऊंगा बताऊंगी बताएंगे \
         बतायेंगे puchta puchunga poochunga पूछूंगा पूछता",
    ),
    (&[Cues::TELL, Cues::HINDI], "bata बता confirm कन्फर्म कंफर्म pakka पक्का"),
    (
        &[Cues::OFFER, Cues::HINDI],
        "aa aana aao aaiye aaiyega aaunga aaungi aunga aungi aaenge aayenge aayega aaega aayegi aata aati aate आ आना आओ आइए \
         आइएगा आऊंगा आऊंगी आएंगे आएगा आएगी आता आते आयेगा आयेगी आयेंगे bhej bhejo bhejta bhejte bhejunga bhejenge bhejna bhejiye \
         bhijwa bhijwao भेज भेजो भेजता भेजते भेजूंगा भेजेंगे भेजना भेजिए भिजवा pahunch pahuch pahunchunga pahunchenge pahunchega \
         पहुंच पहुंचूंगा पहुंचेंगे पहुंचेगा milega milegi milenge मिलेगा मिलेगी मिलेंगे rakh rakho rakhna रख रखो रखना uthwa utha uthao \
         उठा उठवा nikal niklega niklenge निकल निकलेगा निकलेंगे jaana jana jaao जाना jaunga jayega jayegi jayenge jaenge जाऊंगा जाएगा \
         जाएगी जाएंगे taiyar तैयार",
    ),
    (&[Cues::OFFER, Cues::RETURN, Cues::HINDI], "khali khaali खाली फ्री"),
    (&[Cues::FINE], "theek thik ठीक sahi सही chalega chalegi चलेगा चलेगी"),
    (
        &[Cues::AWAY, Cues::HINDI],
        "vyast व्यस्त बिजी मीटिंग मुलाकात sota soya sona soega सोता सोया सोना सोएगा लंच बंद bandh band",
    ),
    (&[Cues::PERHAPS_AWAY, Cues::HINDI], "so सो aaram araam आराम bahar baahar बाहर kaam काम load लोड लोडिंग ट्रिप ड्यूटी"),
    (
        &[Cues::RETURN, Cues::HINDI],
        "wapas vapas waapas vapis wapis lautega lautegi lautenge वापस वापिस लौटेगा लौटेगी लौटेंगे khatam खत्म",
    ),
    (
        &[Cues::LIGHT],
        "kar karo karna kare karen karein kariye kariyega kijiye kijiyega karke lagao lagana laga lagaiye maar maarna maro dena \
         dijiye dijiyega de do lena lo karlo karlena kardena kardo कर करो करना करें करिए करिएगा कीजिए कीजिएगा करके लगाओ लगाना लगा \
         मार देना दीजिए दे दो लेना लो",
    ),
    (
        &[Cues::LIGHT, Cues::FIRST],
        "karta karte karti karunga karungi karenge lagaunga dunga doonga denge dungi deta dete paunga paungi payenge paayenge \
         sakta sakte lunga करता करते करती करूंगा करेंगे दूंगा देंगे देता देते पाऊंगा पाएंगे सकता सकते",
    ),
    (&[Cues::NOW], "abhi अभी"),
    (&[Cues::THAT], "uske iske us is उसके इसके उस"),
    (&[Cues::THEN], "tab tabhi phir fir तब तभी फिर"),
    (&[Cues::MACHINE], "dabaye dabayen dabaen dabaein dabayein dabaiye दबाएं दबाइए दबायें बीप"),
    (&[Cues::ANNOUNCE], "swagat स्वागत"),
    (&[Cues::HOURS], "कार्यालय"),
    (&[Cues::FAMILIAR], "tu tum तू तुम"),
    (&[Cues::GOES_ON], "raha rahi rahe rha rhi rhe रहा रही रहे hai hain hoon hun है हैं हूं"),
    (&[Cues::KYA], "kya kyaa क्या"),
    (&[Cues::FIRST], "main mai hum मैं हम"),
];
