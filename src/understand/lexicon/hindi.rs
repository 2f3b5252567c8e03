//! Hindi in Devanagari, Hindi in Latin letters, and English words as Hindi recognisers write them in Devanagari.

use super::Word::*;
use super::{Part, Table, Unit};
use crate::understand::Per;

/// Everything but numbers.
pub(super) const WORDS: Table = &[
    // Money.
    (
        Rupee,
        "रुपये रुपए रुपया रुपयों रुपैया रूपये रूपए रूपया रुपे रुपीज रुपीस रु रूपयो rupaye rupay rupaiya rupya rupaya rupye \
         rupiye rupyo rupayo rupaiye rupe rupey rupaiyaa rupiye rupayee rupayon roopaye roopay rupaaye rupeye rupaya",
    ),
    (Paise, "पैसे पैसा पैसों paise paisa paisey paisay"),
    (Foreign, "डॉलर डालर यूरो पाउंड पौंड दिरहम dirham"),
    (
        Charge,
        "भाड़ा भाडा भाड़े किराया किराए रेट चार्ज दाम कीमत क़ीमत प्राइस कोटेशन खर्चा खर्च ख़र्चा मज़दूरी फीस दर bhada bhaada bhara_lagega bhade \
         kiraya kiraaya kirayaa daam dam keemat kimat qeemat kharcha kharch bhaada bhadaa kiraye bhaade",
    ),
    (
        Side,
        "लोडिंग अनलोडिंग लेबर हमाली टोल पार्किंग टैक्स जीएसटी मज़दूर_का मजदूरी hamali hammali hamaali majduri mazdoori mazduri लोडिंग-अनलोडिंग \
         चाय_पानी chai_pani chai_paani वेटिंग हॉल्टिंग पल्लेदारी palledari utrai chadhai",
    ),
    (
        Extra,
        "अलग अतिरिक्त एक्स्ट्रा अलग_से alag alag_se atirikt alag_lagega अलग_अलग_से \
         alagse alug",
    ),
    (Another, "ऊपर_से उपर_से upar_se uper_se oopar_se aur_upar upar_se_lagega"),
    (
        Total,
        "कुल टोटल सब_मिलाकर सब_मिलाके सब_मिला_के सब_मिला_कर कुल_मिलाकर कुल_मिला_के कुल_मिला_कर कुल_मिलाके सारा_मिलाकर sab_milake sab_milakar sab_mila_ke \
         sab_mila_kar kul kul_milake kul_milakar kul_mila_ke kul_mila_kar total_milake total_mila_ke sara_milake sabhi_milake \
         sab_milaake sab_milaakar total_milakar sab_jodke sab_jod_ke सब_जोड़कर सब_जोड़_के sabkuch_milake sab_kuch_milake sab_kuch_mila_ke sab_kuch_milakar सब_कुछ_मिलाकर",
    ),
    (
        AtLeast,
        "कम_से_कम न्यूनतम मिनिमम kam_se_kam kum_se_kum kam_sekam kamsekam kam_az_kam shuru से_शुरू se_shuru se_start se_starting",
    ),
    (
        AtMost,
        "ज़्यादा_से_ज़्यादा अधिक_से_अधिक अधिकतम मैक्सिमम अधिक_से_ज़्यादा zyada_se_zyada jyada_se_jyada jada_se_jada adhik_se_adhik adhiktam zyaada_se_zyaada jyaada_se_jyaada",
    ),
    (LessThan, "से_कम se_kam se_neeche se_niche से_नीचे se_kum"),
    (MoreThan, "से_ज़्यादा से_अधिक से_ऊपर se_zyada se_jyada se_upar se_adhik se_uper se_jada se_zyaada se_jyaada"),
    (
        NotLess,
        "से_कम_नहीं से_कम_में_नहीं से_नीचे_नहीं से_कम_ना से_कम_पर_नहीं से_कम_तो_नहीं से_कम_मे_नहीं से_कम_में_तो_नहीं से_कम_नही से_कम_मत se_kam_nahi se_kam_nahin \
         se_kam_mein_nahi se_kam_me_nahi se_kam_nai se_neeche_nahi se_niche_nahi se_kam_mein_nahin se_kam_me_nahin se_kam_to_nahi \
         se_kam_par_nahi se_kam_main_nahi se_kam_mat se_kam_mein_to_nahi se_kam_me_to_nahi se_kam_na se_kam_nhi se_kam_me_nhi \
         se_kam_ki_nahi se_kam_ka_nahi se_kum_nahi se_neeche_nahin se_kam_toh_nahi se_kam_mein_toh_nahi se_kam_hi_nahi से_कम_में_काम_नहीं se_kam_mein_kaam_nahi",
    ),
    (
        NotMore,
        "से_ज़्यादा_नहीं से_ऊपर_नहीं से_अधिक_नहीं se_zyada_nahi se_jyada_nahi se_upar_nahi se_zyada_nahin se_jyada_nahin se_adhik_nahi se_jada_nahi",
    ),
    (
        FreeOfCharge,
        "मुफ्त मुफ़्त फ्री_में निशुल्क निःशुल्क कोई_चार्ज_नहीं कोई_पैसा_नहीं कोई_पैसे_नहीं पैसा_नहीं_लगेगा पैसे_नहीं_लगेंगे कुछ_नहीं_लगेगा चार्ज_नहीं_लगेगा कोई_किराया_नहीं कोई_भाड़ा_नहीं \
         कोई_खर्चा_नहीं muft mufat muft_mein free_mein free_me koi_charge_nahi koi_charge_nahin koi_charges_nahi koi_paisa_nahi koi_paise_nahi \
         paisa_nahi_lagega paise_nahi_lagenge kuch_nahi_lagega charge_nahi_lagega koi_kiraya_nahi koi_bhada_nahi koi_charge_nai \
         koi_charge_nahi_hai koi_bhi_charge_nahi koi_kharcha_nahi nishulk kuch_charge_nahi कुछ_चार्ज_नहीं bilkul_free paisa_nahi_lunga \
         paise_nahi_lunga पैसे_नहीं_लूंगा पैसा_नहीं_लूंगा koi_fees_nahi koi_charge_ni kuch_nahi_lunga kuch_nahi_lenge कुछ_नहीं_लेंगे paise_nahi_lenge koi_charge_nhi paisa_nahi_lenge कोई_शुल्क_नहीं",
    ),
    (Free, "फ्री फ़्री"),
    (
        TooLow,
        "कम_है बहुत_कम_है बहुत_कम कम_पड़ेगा कम_पड़_रहा कम_पड़ता कम_हैं कम_पड़ेंगे कम_लग_रहा kam_hai kam_h bahut_kam bahut_kam_hai kam_padega kam_padta kam_lag_raha \
         kam_hain kam_padenge kam_pad_raha bohot_kam bahot_kam kaafi_kam kafi_kam काफी_कम thoda_kam_hai थोड़ा_कम_है kam_hota kam_ho_jayega \
         kam_ho_jata kam_rahega kum_hai ghata घाटा nuksan नुकसान nuksaan kam_ho_raha loss_hai loss_ho_jayega कम_होगा kam_hoga kam_bol_rahe",
    ),
    (Fails, "नामुमकिन namumkin mushkil मुश्किल मुमकिन_नहीं mumkin_nahi possible_nahi पॉसिबल_नहीं sambhav_nahi संभव_नहीं"),
    (
        Final,
        "अब अभी फाइनल फ़ाइनल आपके_लिए आपके_लिये आप_के_लिए आखिरी आख़िरी लास्ट_प्राइस लास्ट इस_बार ab abhi aapke_liye apke_liye aap_ke_liye aakhri aakhiri \
         is_baar iss_baar tumhare_liye तुम्हारे_लिए last_mein fainal aapko_main आपको aapko apko is_bar aap_k_liye last_rate antim अंतिम final_mein last aapke_lie",
    ),
    (
        Normal,
        "वैसे आमतौर_पर आम_तौर_पर नॉर्मली नार्मली नॉर्मल पहले_तो waise vaise aamtaur_par aam_taur_par usually_to hamesha हमेशा pehle pahle pehele phele pahele पहले asal_mein",
    ),
    (
        Earlier,
        "पिछली_बार पिछले_महीने पिछले_हफ्ते पिछले_साल पिछला पिछली पिछले पिछले_हफ़्ते pichli_baar pichhli_baar pichle_mahine pichle_hafte pichle_saal pichla pichli pichle \
         pichhle pichhli pichhla pichli_bar pehle_wali pahle_wale pichle_baar last_baar pehli_baar पहली_बार us_baar उस_बार us_time gayi_baar purana पुराना puraana purane पुराने",
    ),
    (
        Others,
        "दूसरे_वेंडर दूसरा_वेंडर दूसरे_लोग दूसरे_ट्रांसपोर्टर दूसरा_ट्रांसपोर्टर दूसरे_वाले दूसरा_वाला औरों बाकी_लोग दूसरे_ने किसी_और और_लोग दूसरी_कंपनी दूसरे_का कोई_और doosra_vendor dusra_vendor doosre_vendor dusre_vendor dusre_log \
         doosre_log dusre_transporter doosre_transporter dusra_transporter doosra_transporter dusre_wale doosre_wale dusra_wala \
         baaki_log baki_log kisi_aur koi_aur dusri_company doosri_company dusre_ne doosre_ne aur_log auron doosra_wala dusri_party \
         doosri_party dusra_banda doosra_banda dusre_driver dusre_gaadi_wale padosi बाकी_सब baaki_sab baki_sab doosre dusre दूसरे doosron dusron दूसरों दूसरा doosra dusra usne उसने usko unhone उन्होंने uska उसका woh_log wo_log वो_लोग",
    ),
    (
        Included,
        "समेत सहित शामिल के_साथ_में_शामिल samet sahit shamil shaamil mila_ke milake milakar mila_kar मिलाकर मिला_के मिलाके मिला_कर jod_ke jodke जोड़कर",
    ),
    (HisaabSe, "के_हिसाब_से के_हिसाब ke_hisaab_se ke_hisab_se ke_hisaab k_hisab_se की_दर_से ki_dar_se ke_rate_se के_रेट_से"),
    (Percent, "प्रतिशत फीसदी परसेंट pratishat feesadi fisadi"),
    // Units and labels.
    (Unit(Unit::Per(Per::Trip)), "ट्रिप चक्कर फेरा फेरे राउंड chakkar chakar phera phere fera fere chakkr khep खेप"),
    (Unit(Unit::Per(Per::Km)), "किलोमीटर किमी केएम किलो_मीटर kilometar kilomitar kimi kilometr"),
    (
        Unit(Unit::Per(Per::Hour)),
        "घंटा घंटे घंटों घण्टे घण्टा घंटेभर ghanta ghante ghanto ghantey ghnta ghnte ganta ghantay ghantaa ghanton",
    ),
    (Unit(Unit::Per(Per::Kg)), "किलो किलोग्राम केजी"),
    (Unit(Unit::Per(Per::Tonne)), "टन tan tun टनो"),
    (Unit(Unit::Per(Per::Day)), "दिन दिनों रोज़ रोज din dino dinon roz roj"),
    (
        Unit(Unit::Per(Per::Piece)),
        "पीस नग बॉक्स पेटी पेटियां डिब्बा डिब्बे बैग बोरी बोरियां बोरे बोरा पैकेट कार्टन nag peti petiyan petiya dibba dibbe bori boriyan bora bore boriya pees naag",
    ),
    (Moment, "बार काम चीज़ चीज दफा पल baar kaam cheez chiz dafa pal bar"),
    (Unit(Unit::Minute), "मिनट मिनिट minat minut mint सेकंड सेकेंड sekand"),
    (Unit(Unit::Week), "हफ्ता हफ्ते हफ़्ते सप्ताह hafta hafte haftey saptah"),
    (Unit(Unit::Month), "महीना महीने महीनों mahina mahine maheena maheene"),
    (Unit(Unit::Year), "साल सालों saal saalon"),
    (
        Unit(Unit::Thing),
        "गाड़ी गाड़ियां गाडी गाड़ियों ट्रक लोग आदमी_लोग मजदूर लीटर मीटर फुट फीट क्विंटल कुंटल टायर चक्का टेम्पो gaadi gadi gaadiyan gadiyan gaadiya log logon majdoor mazdoor \
         liter fut feet kwintal kuntal chakka tempo gari gaari gaadiyon kuintal bande बंदे लेबर_लोग driver ड्राइवर gadiya",
    ),
    (Rate(Per::Day), "रोज़ाना रोजाना दिहाड़ी rozana rojana dihadi dihaadi pratidin प्रतिदिन"),
    (PerUnit, "प्रति prati parti"),
    (PerOrBut, "पर par pr"),
    (Each, "हर प्रत्येक har pratyek hr"),
    (Label, "रूम गेट पीओ इनवॉइस कमरा कमरे प्लॉट फ्लैट ट्रैकिंग बिल्टी kamra kamre bilti लाइसेंस पिनकोड पिन_कोड ओटीपी डॉक"),
    (LabelLong, "ऑर्डर आर्डर बिल"),
    (LabelStem, "मकान खाता makan khata दुकान dukan dukaan गली gali"),
    (NumberSign, "नंबर नम्बर नंबर_है namber nambar no_hai nambr"),
    (
        CallBack,
        "call_karna call_karta call_karte call_karti call_karunga call_karungi call_karenge call_kar_lena call_kar_dena \
         call_kar_lunga call_kar_dunga call_lagana call_karta_hoon phone_karna phone_karta phone_karte phone_karti \
         phone_karunga phone_karungi phone_karenge phone_kar_lena phone_kar_dena phone_kar_lunga phone_kar_dunga phone_lagana \
         fon_karna कॉल_करना कॉल_करता कॉल_करूंगा कॉल_करेंगे कॉल_कर_लेना फोन_करना फोन_करता फोन_करूंगा फोन_करेंगे फोन_कर_लेना \
         fon_karunga fon_karenge फोन_करेगा फ़ोन_करना फ़ोन_करूंगा फ़ोन_करेंगे फ़ोन_करूँगा फोन_करूँगा कॉल_करूँगा phone_karega \
         call_karega call_kar_raha call_kar_rahi call_kar_rahe call_kar_lenge call_kar_denge call_kar_leta phone_kar_raha \
         phone_kar_rahe phone_kar_lenge phone_kar_denge",
    ),
    (
        CallMe,
        "call_karo call_kariye call_kijiye call_karein phone_karo phone_kariye phone_kijiye phone_karein fon_karo कॉल_करो \
         कॉल_करिए कॉल_कीजिए कॉल_करें फोन_करो फोन_करिए फोन_कीजिए फोन_करें call_kariyega phone_kariyega fon_kariye fon_kijiye \
         fon_karein फ़ोन_करो फ़ोन_करिए फ़ोन_कीजिए फ़ोन_करें",
    ),
    (
        Come,
        "aana aao aaiye aaiyega aaunga aaungi aunga aungi aaenge aayenge aa_jana aa_jao aa_jaunga aa_jaungi aa_jayenge \
         aa_jaiye pahunchna pahunchunga pahunchungi pahunchenge pahunch_jaunga pahunch_jayenge available_hoon \
         available_rahunga आना आओ आइए आइएगा आऊंगा आऊँगा आऊंगी आऊँगी आएंगे आएँगे आ_जाना आ_जाओ आ_जाऊंगा आ_जाऊँगा आ_जाएंगे \
         पहुंचना पहुँचना पहुंचूंगा पहुँचूँगा",
    ),
    (
        Tell,
        "baat_karte baat_karta baat_karenge बात_करते बात_करेंगे batata batati batate bataunga bataungi batayenge bata_dunga bata_dungi bata_denge bata_deta bata_deti bata_dete \
         बताता बताती बताते बताऊंगा बताऊंगी बताएंगे बता_दूंगा बता_देंगे",
    ),
    (Fuel, "डीजल पेट्रोल"),
    (Opens, "khulta khulti khulte khulega khulegi खुलता खुलती खुलते खुलेगा खुलेगी"),
    (
        Lowered,
        "kam_kar_ke kam_karke kam_kar_kar kum_karke ghata_ke ghatake ghata_kar discount_karke discount_kar_ke discount_de_ke \
         discount_deke discount_laga_ke discount_lagake कम_करके कम_कर_के घटा_के घटाके घटाकर घटा_कर डिस्काउंट_करके \
         डिस्काउंट_देके डिस्काउंट_दे_के",
    ),
    (
        Off,
        "kam_kar kam_karo kam_karunga kam_karenge kam_kar_do kam_kar_dunga kam_kar_denge kam_kar_lo upar_neeche upar_niche \
         oopar_neeche chhoot डिस्काउंट छूट कम_कर कम_करो कम_कर_दो कम_कर_दूंगा कम_कर_देंगे ऊपर_नीचे",
    ),
    (PhoneNoun, "फोन फ़ोन मोबाइल व्हाट्सएप वाट्सएप"),
    // Joints.
    (Se, "से se"),
    (Till, "तक tak takk tk se_lekar se_leke से_लेकर से_लेके"),
    (
        Beech,
        "के_बीच के_बीच_में बीच के_दरमियान के_बीच_मे के_मध्य ke_beech ke_bich ke_beech_mein ke_beech_me ke_bich_mein ke_bich_me beech bich ke_darmiyan k_beech k_bich beech_mein beech_me ke_beech_main",
    ),
    (And, "और एवं व तथा aur or_bhi evam tatha awr"),
    (Or, "या या_फिर ya ya_phir ya_fir yaa या_तो ya_to अथवा athva ya_toh yaa_phir nahi_to_phir ya_shayad"),
    (But, "लेकिन मगर परंतु पर_फिर lekin magar parantu lekin_agar par_abhi लेकिन_अब par_aapke"),
    (Of, "का के की ka ke ki"),
    (
        Is,
        "ho_gaya ho_gayi ho_gaye ho_gya ho_chuka ho_chuki हो_गया हो_गई हो_गयी हो_गए हो_गये हो_चुका है हैं होगा होगी लगेगा लगेंगे लगता लगते लगेगी बनेगा पड़ेगा पड़ेंगे रहेगा रहेंगे लूंगा लेंगे लेता लेते होता होंगे चाहिए आएगा आएगी आयेगा दूंगा देंगे लग जाएगा जायेगा जाएंगे आ जाओ करेंगे hai hain h hoga hogi lagega lagenge lagta lagte \
         lagegi banega padega padenge rahega rahenge lunga lenge leta lete hota honge aayega aayegi ayega dunga denge \
         lag jayega jaega jayegi jayenge aa jao karenge karunga banta banenge aaega lagega_hi padta leti lungi parega lgega jaega hoyega ja rahe raha rahi wala wale wali वाला वाले वाली",
    ),
    (In, "में मे पे mein me m pe"),
    (Ko, "को ko"),
    (
        Without,
        "के_बिना बिना छोड़कर छोड़_के के_अलावा ke_bina bina chhod_ke chod_ke chhodkar chodkar ke_alawa ke_alava ke_bagair bagair",
    ),
    (KeSaath, "के_साथ साथ_में साथ_मे साथ_ही साथ एक_साथ इसके_साथ"),
    (
        About,
        "लगभग करीब क़रीब तकरीबन के_आसपास के_आस_पास आसपास आस_पास के_करीब क़रीब_क़रीब करीब_करीब अंदाज़न अंदाजन मेरे_ख्याल_से lagbhag kareeb karib takriban ke_aaspaas ke_aas_paas \
         ke_aas_pas aaspaas aas_paas ke_kareeb ke_karib kareeb_kareeb karib_karib andazan andaazan ke_aspas mere_khayal_se mere_hisaab_se \
         lagbhg k_aas_paas ke_around ke_lagbhag के_लगभग qareeb ke_as_paas mere_khyal_se mere_hisab_se aas_pas",
    ),
    (Then, "तो toh tho फिर phir fir"),
    (
        Filler,
        "shubh_raatri shubh_ratri shubh_prabhat suprabhat शुभ_रात्रि सुप्रभात शुभ_प्रभात गुड_मॉर्निंग गुड_इवनिंग raat_bhar रात_भर अरे भाई सर देखो देखिए जनाब यार साहब मैडम बस सिर्फ केवल मात्र ही भी ना न समझो मान_लो अच्छा_तो are arre arey bhai bhaiya sir dekho dekhiye dekhiyega janab \
         yaar saab sahab saheb madam bas sirf kewal keval matra hi bhi samjho maan_lo suno suniye sunno dekh dekhie bhaisaab \
         bhai_sahab matr poora_matra namaste namaskar नमस्ते नमस्कार सुनो सुनिए भैया ok_to achha_to accha_to theek_hai_to ठीक_है_तो gst_alag gst_alag_se जीएसटी_अलग जीएसटी_अलग_से plus_jeeesti \
         gst_extra_lagega pichli_baar_jaisa pichli_baar_ki_tarah pichli_baar_wala पिछली_बार_जैसा sahi_mein sach_mein_dekho na",
    ),
    (Other, "chai chay चाय call_karke call_kar_ke"),
    // Correction, denial, quoting.
    (
        Correct,
        "माफ़_कीजिए माफ_कीजिए माफ_करना माफ_करो माफ़ माफ गलती गलती_से मतलब सॉरी रुको रुकिए मेरा_मतलब गलती_हो_गई गलत_बोल_दिया बल्कि वेट एक्चुअली maaf maaf_kijiye maaf_karna maaf_karo maf mafi maafi माफी galti \
         galti_se galti_ho_gayi galti_ho_gai matlab mera_matlab sory ruko rukiye rukna galat_bol_diya galat_bola balki \
         maaf_kariye mtlb galti_se_bola ek_minute_ruko asal_me sorry_sorry ek_second ek_sec",
    ),
    (Nahi, "नहीं नही मत नहि नई_जी ना_जी nahi nahin nahee nai nahi_ji nhi mat naheen nahii naahi nahih"),
    (YouErg, "आपने तुमने aapne apne_kya tumne aap_ne tum_ne आप_ने"),
    (You, "आप तुम aap tum"),
    (
        Said,
        "बोला कहा बोले बोल_रहे कह_रहे बोली बताया कही बोल_दिया बोला_ना bola kaha bole bol_rahe keh_rahe kah_rahe boli bataya kahi bol_diya bole_kya bol_rhe keh_rhe",
    ),
    (HadSaid, "बोला_था बोले_थे कहा_था bola_tha bole_the kaha_tha bataya_tha बताया_था kahe_the"),
    (
        NahiTo,
        "isse_kam_nahi isse_kam_mein_nahi isse_kam_me_nahi is_se_kam_nahi isse_kam_nahin isse_neeche_nahi isse_kam_mein_nahin इससे_कम_नहीं इससे_कम_में_नहीं इस_से_कम_नहीं nahi_to nahin_to nahi_toh varna warna नहीं_तो वरना nahin_toh otherwise kam_nahi_hoga kam_nahi_karunga कम_नहीं_होगा kam_nahi_karenge aur_kam_nahi aur_kuch_nahi और_कुछ_नहीं और_कम_नहीं isse_jyada_kuch_nahi",
    ),
    // People.
    (Can, "sakta sakte sakti sakti_hoon सकता सकते सकती"),
    (Hum, "मैं हम main mai hum ham maine humne मैंने हमने mujhe मुझे mujhko hame humein हमें"),
    (He, "वह वो वे उनका उनके wo woh vo uske uski unke unka unki उसके उनकी उसकी उनसे"),
    (Apna, "अपना अपने अपनी apna apne apni"),
    (My, "मेरा मेरी मेरे हमारा हमारे हमारी mera meri mere hamara hamare hamari humara humare humari"),
    (Your, "तेरा तेरी तेरे tera teri tere आपका आपके आपकी तुम्हारा तुम्हारे aapka aapke aapki apka apke apki tumhara tumhare"),
    (
        Stem,
        "दे बता कर करा करवा भेज लिख बोल रख लगा दिला जोड़ मिला बुला लगवा रखवा de bata kar kara karwa karva bhej likh bol rakh laga dila jod mila bula lagwa rakhwa karaa likhwa likhva milwa milva puchh bulwa le ले",
    ),
    // Time.
    (AmPm(true), "पीएम पी_एम पी.एम."),
    (AmPm(false), "एएम ए_एम"),
    (Oclock, "बजे बज_के बजेतक बजा बजें baje bajey bajay bje bajhe baj_ke baje_ke_time bajje bajeh bajae baja bajey_ke"),
    (Bajkar, "बजकर बज_कर bajkar baj_kar bajke"),
    (BajneMein, "बजने_में बजने_मे bajne_mein bajne_me bajne"),
    (
        Part(Part::Early),
        "सुबह_सुबह तड़के भोर सुबह_जल्दी सवेरे_सवेरे सुबह_सवेरे जल्दी_सुबह subah_subah tadke bhor subah_jaldi savere_savere subah_savere subah_sawere jaldi_subah \
         bilkul_subah tarke ekdum_subah सुबह-सुबह subha_subha subeh_subeh subh_subh तड़के_सुबह tadke_subah subah_tadke सुबह_तड़के",
    ),
    (Part(Part::Morning), "सुबह सवेरे सुबेरे प्रातः मॉर्निंग सुबा subah subha subeh savere sawere subh subhah"),
    (
        Part(Part::Afternoon),
        "do_pahar do_peher दो_पहर दोपहर दुपहर आफ्टरनून अपराह्न दोपहर_बाद dopahar dopeher dupahar dopahr dopehar dophar duphar dopaher dopher dopahar_baad",
    ),
    (Part(Part::Evening), "शाम सायं संध्या साँझ इवनिंग shaam sham saam shaamko saanjh shaaam"),
    (Part(Part::Night), "रात रात्रि नाइट raat raath rat_ko raatri rat_ke rat"),
    (Midnight, "आधी_रात अर्धरात्रि aadhi_raat adhi_raat aadhi_rat"),
    (FirstHalf, "फर्स्ट_हाफ पहला_हाफ pehla_half pehle_half पहले_हाफ"),
    (SecondHalf, "सेकंड_हाफ दूसरा_हाफ सेकेंड_हाफ doosra_half dusra_half doosre_half dusre_half दूसरे_हाफ"),
    (
        AfterLunch,
        "खाने_के_बाद खाना_खाने_के_बाद लंच_के_बाद भोजन_के_बाद लंच_बाद khane_ke_baad khaane_ke_baad khana_khane_ke_baad khaana_khaane_ke_baad lunch_ke_baad lunch_k_baad bhojan_ke_baad khane_k_baad khane_ke_bad lunch_ke_bad lunch_baad khana_khaane_ke_baad khana_kha_ke",
    ),
    (
        BeforeLunch,
        "खाने_से_पहले लंच_से_पहले खाने_के_पहले लंच_के_पहले भोजन_से_पहले खाना_खाने_से_पहले khane_se_pehle khaane_se_pehle lunch_se_pehle lunch_ke_pehle khane_ke_pehle lunch_se_pahle khane_se_pahle bhojan_se_pehle lunch_tak लंच_तक khane_tak khana_khane_se_pehle",
    ),
    (
        AnyTime,
        "कभी_भी पूरा_दिन पूरे_दिन सारा_दिन सारे_दिन दिन_भर दिनभर किसी_भी_समय किसी_भी_वक्त किसी_भी_टाइम कोई_भी_समय कोई_भी_टाइम जब_चाहे जब_चाहो जब_भी एनी_टाइम एनीटाइम किसी_समय_भी kabhi_bhi kabhi_b kbhi_bhi poora_din pura_din \
         poore_din pure_din sara_din saara_din saare_din din_bhar dinbhar kisi_bhi_time kisi_bhi_samay kisi_bhi_waqt kisi_bhi_vakt \
         koi_bhi_time koi_bhi_samay jab_chahe jab_chaho jab_chahein jab_bhi jab_marzi kisi_b_time kabhi_vi poora_time jab_mann_kare full_din kabhi_hi जब_मर्ज़ी chaubis_ghante चौबीस_घंटे चौबीसों_घंटे",
    ),
    (KeBaad, "के_बाद बाद ke_baad k_baad ke_bad kebaad baad ke_baad_hi के_बाद_ही k_bad ke_baad_se ke_upar के_पश्चात"),
    (
        SePehle,
        "से_पहले के_पहले से_पेहले se_pehle se_pahle ke_pehle ke_pahle se_pehele se_phele se_pahele se_pehle_pehle से_पहले_पहले tak_hi se_pahle_pahle",
    ),
    (Onwards, "के_बाद_से_आगे se_aage से_आगे"),
    (
        BaadMat,
        "के_बाद_मत के_बाद_नहीं के_बाद_ना ke_baad_mat ke_baad_nahi ke_baad_nahin k_baad_mat ke_bad_mat ke_baad_to_nahi ke_baad_na ke_bad_nahi k_baad_nahi के_बाद_तो_नहीं ke_baad_nhi",
    ),
    (
        PehleNahi,
        "से_पहले_नहीं से_पहले_मत के_पहले_नहीं से_पहले_ना से_पहले_तो_नहीं se_pehle_nahi se_pehle_mat se_pahle_nahi se_pahle_mat se_pehle_nahin ke_pehle_nahi se_pehle_to_nahi se_pehle_na se_pahle_nahin se_pehele_nahi se_phele_nahi ke_pehle_mat se_pehle_toh_nahi se_pehle_nhi",
    ),
    (KeAndar, "के_अंदर के_अन्दर के_भीतर के_अंदर_अंदर ke_andar ke_ander ke_bheetar ke_bhitar ke_andar_andar k_andar andar"),
    (Within, "अगले_दो_मिनट"),
    (Closed, "बंद छुट्टी व्यस्त बिज़ी लंच बंद_रहेगा band bandh chhutti chutti vyast bizi lunch_time khana खाना khane_ka"),
    (ExceptPost, "को_छोड़कर छोड़_कर ko_chhodkar ko_chhod_ke ko_chodke के_सिवा ke_siva ke_siwa ko_chhod_kar chhod_kar"),
    (
        PastVerb,
        "baj_rahe baj_gaye baj_chuke बज_रहे बज_गए बज_चुके था थी थे गया गई गयी गए गये आया आई आयी आए किया दिया लिया मिला हुआ हुई हुए की_थी दी_थी tha thi gaya gayi gai gaye aaya aayi aaye ayi kiya diya liya hua hui \
         hue thaa gya gyi aya mila_tha bheja भेजा",
    ),
    (Sharp, "ठीक_बजे एकदम_ठीक"),
    // Dates.
    (Day(0), "आज aaj aj aaaj"),
    (Kal, "कल kal kl कल्ल"),
    (Day(1), "आने_वाले_कल आने_वाला_कल aane_wale_kal aane_wala_kal टुमॉरो"),
    (Day(2), "परसों परसो parso parson parsoo parsu parsoon"),
    (Day(3), "तरसों तरसो नरसों नरसो tarso tarson narso narson narsonn"),
    (Yesterday, "बीते_कल बीता_कल beete_kal"),
    (Tonight, "आज_रात aaj_raat aaj_rat aaj_raat_ko"),
    (Weekday(1), "सोमवार सोमवारको मंडे somvar somwar somvaar somwaar somavar som"),
    (Weekday(2), "मंगलवार मंगल ट्यूसडे mangalvar mangalwar mangalvaar mangalwaar mangal mangalbar"),
    (Weekday(3), "बुधवार बुध वेडनेसडे budhvar budhwar budhvaar budhwaar budh budvar budwar"),
    (
        Weekday(4),
        "गुरुवार बृहस्पतिवार वीरवार गुरूवार बृहस्पति थर्सडे guruvar guruwar guruvaar guruwaar brihaspativar veervar veerwar virwar brihaspatiwar virvar brahaspativar jumerat जुमेरात",
    ),
    (
        Weekday(5),
        "शुक्रवार शुक्र जुमा जुम्मा फ्राइडे shukravar shukrawar shukarwar shukravaar shukrawaar sukravar sukrawar shukrvar jumma juma shukarvar shukra",
    ),
    (Weekday(6), "शनिवार शनि शनिचर सैटरडे shanivar shaniwar shanivaar shaniwaar sanivar saniwar shani shanichar"),
    (Weekday(7), "रविवार इतवार संडे ravivar raviwar ravivaar raviwaar itvar itwar itvaar itwaar etwar"),
    (Month(1), "जनवरी january_mahina janvari janwari janavari"),
    (Month(2), "फरवरी फ़रवरी farvari farwari februari pharvari"),
    (Month(3), "मार्च maarch"),
    (Month(4), "अप्रैल aprail aprel"),
    (Month(5), "मई"),
    (Month(6), "जून joon"),
    (Month(7), "जुलाई julai julaai"),
    (Month(8), "अगस्त agast"),
    (Month(9), "सितंबर सितम्बर sitambar sitamber sitmbar"),
    (Month(10), "अक्टूबर अक्तूबर aktubar aktoobar october_mahina"),
    (Month(11), "नवंबर नवम्बर navambar navmbar navamber"),
    (Month(12), "दिसंबर दिसम्बर disambar disamber disembar dismbar"),
    (Tarikh, "तारीख तारीख़ दिनांक तारिख tarikh tareekh tarik tareek dinank tarikhko taarikh tarikh_ko"),
    (Next, "अगला अगले अगली नेक्स्ट agla agle agli agley"),
    (This, "इस यही is_wale iss iske yeh ye यह इसी isi आने_वाले आने_वाला aane_wale aane_wala aanewale"),
    // Yes and no.
    (
        Yes,
        "हाँ हां हाँजी हांजी हा बिल्कुल बिलकुल पक्का ज़रूर जरूर अवश्य मंज़ूर मंजूर क्यों_नहीं_जी कन्फर्म यस सही_बात haan han haa ha hanji haanji haanjee hanjee hnji bilkul bilkool bilqul pakka \
         zaroor jaroor zarur jarur zaror avashya manzoor manjoor manjur manzur haaan hann haanji_haan sahi_baat hnn bilkool",
    ),
    (
        Fine,
        "ठीक ठीक_है सही सही_है चलेगा चलेगी चलेंगे अच्छा बढ़िया सच ओके हो_जाएगा हो_जायेगा कर_देंगे कर_लेंगे डन राइट करेक्ट चल_जाएगा चल_जायेगा मान्य theek thik teek tik theek_hai thik_hai theekhai thikhai sahi sahi_hai sahee chalega chalegi chalenge \
         badhiya ho_jayega ho_jaega ho_jaayega kar_denge kar_lenge chal_jayega chal_jaega theekh thek tik_hai teek_hai chalegaa ho_jaega done_hai \
         sach theek_h thik_h maanya chlega sahi_h ho_sakta_h",
    ),
    (Ji, "जी ji jee अच्छा achha accha acha jii"),
    (Wrong, "गलत ग़लत galat galath ghalat galt"),
    (
        NoProblem,
        "कोई_दिक्कत_नहीं कोई_बात_नहीं कोई_परेशानी_नहीं कोई_समस्या_नहीं कोई_प्रॉब्लम_नहीं क्यों_नहीं दिक्कत_नहीं परेशानी_नहीं कोई_आपत्ति_नहीं कोई_इश्यू_नहीं कोई_टेंशन_नहीं कोई_ऐतराज़_नहीं प्रॉब्लम_नहीं क्यूं_नहीं koi_dikkat_nahi koi_dikat_nahi koi_baat_nahi koi_problem_nahi koi_issue_nahi \
         koi_pareshani_nahi koi_samasya_nahi kyun_nahi kyu_nahi kyon_nahi dikkat_nahi problem_nahi pareshani_nahi koi_aapatti_nahi \
         koi_dikkat_nahin koi_problem_nahin koi_baat_nahin kyun_nahin koi_tension_nahi koi_aitraz_nahi koi_harz_nahi koi_diqqat_nahi \
         koi_objection_nahi kyo_nahi issue_nahi koi_dikkat_nai koi_problem_nai koi_harj_nahi koi_dikkat_nhi koi_problem_nhi koi_bat_nahi kyu_nai koi_issue_nahin tension_nahi koi_taklif_nahi कोई_हर्ज_नहीं कोई_तकलीफ_नहीं",
    ),
    (
        PlainNo,
        "बिल्कुल_नहीं बिलकुल_नहीं बिल्कुल_भी_नहीं कभी_नहीं हरगिज़_नहीं हरगिज_नहीं bilkul_nahi bilkul_bhi_nahi bilkul_nahin kabhi_nahi hargiz_nahi hargij_nahi bilkul_nai bilkul_mat kabhi_nahin ji_nahi जी_नहीं ji_nahin na_ji naa na_na ना_ना sawal_hi_nahi सवाल_ही_नहीं bilkul_nhi",
    ),
    (
        Maybe,
        "शायद हो_सकता_है हो_सकता संभव_है shayad shaayad sayad ho_sakta_hai ho_sakta ho_skta_hai ho_sakta_he sambhav_hai shayed shayad_nahi शायद_नहीं shayad_haan शायद_हाँ",
    ),
    (
        DontKnow,
        "पता_नहीं मालूम_नहीं नहीं_पता नहीं_मालूम कह_नहीं_सकता कह_नहीं_सकते समझ_नहीं_आया समझा_नहीं समझ_में_नहीं_आया सुनाई_नहीं_दिया सुनाई_नहीं_दे_रहा आवाज़_नहीं_आ_रही आवाज_नहीं_आ_रही नहीं_समझा क्या_पता बता_नहीं_सकता बता_नहीं_सकते नहीं_बता_सकता नहीं_कह_सकता नहीं_कह_सकते नहीं_सुनाई_दिया कन्फर्म_नहीं याद_नहीं ख़बर_नहीं पता_नही समझ_नहीं_आ_रहा pata_nahi pata_nahin maloom_nahi malum_nahi nahi_pata \
         nahi_maloom nahi_malum keh_nahi_sakta keh_nahi_sakte kah_nahi_sakta kah_nahi_sakte samajh_nahi_aaya samjha_nahi samajh_mein_nahi_aaya \
         samajh_me_nahi_aaya sunai_nahi_diya sunai_nahi_de_raha awaz_nahi_aa_rahi awaaz_nahi_aa_rahi aawaz_nahi_aa_rahi nahi_samjha \
         kya_pata bata_nahi_sakta bata_nahi_sakte nahi_bata_sakta nahi_keh_sakta nahi_kah_sakta nahi_keh_sakte pata_nai idea_nahi \
         koi_idea_nahi confirm_nahi yaad_nahi khabar_nahi pakka_nahi पक्का_नहीं sure_nahi puch_ke_batata poochh_ke_batata dekh_ke_batata dekhna_padega देखना_पड़ेगा dekhte_hain देखते_हैं \
         soch_ke_batata sochna_padega pata_karna_padega puchna_padega पूछना_पड़ेगा pata_nhi samajh_nahi_aa_raha awaz_nahi_aayi sunai_nahi_de_rahi maloom_nahin pata_ni abhi_nahi_bata_sakta pata_karke_batata nahi_bol_sakta bol_nahi_sakta kuch_keh_nahi_sakte",
    ),
    (
        Answering,
        "हेलो हैलो बोलिए बोलिये बोलो कहिए कहिये कहो कौन बताइए बताइये बताओ फरमाइए boliye bolie bolo kahiye kahie kaho kaun kon batao bataiye bataye batayein farmaiye bataiyega boliyega kaun_bol kaun_hai bol_raha_hoon bol_raha_hu बोल_रहा_हूँ बोल_रहा_हूं hukum kaun_bol_raha bataiyein bolo_bolo",
    ),
    (What, "क्या kya kyaa"),
    (Wh, "क्यों कैसे कब कहाँ कहां कौनसा कितना कितने kyun kyu kyon kaise kab kahan kaunsa kitna kitne kitni konsa kitane"),
    // Languages.
    (Place, "गुजरात महाराष्ट्र पंजाब बंगाल केरल कर्नाटक तमिलनाडु आंध्र तेलंगाना तमिल_नाडु आंध्र_प्रदेश दिल्ली मुंबई चेन्नई"),
    (AnyOfThese, "kuch_bhi koi_bhi dono कुछ_भी कोई_भी दोनों इनमें_से_कोई inme_se_koi dono_chalega koi_sa_bhi"),
    (
        Speak,
        "बोलता बोलते बोलती जानता जानते जानती समझता समझते bolta bolte bolti jaanta jaante janta jante jaanti samajhta samajhte samjhte बात_करते baat_karte",
    ),
    // Handover.
    (
        Human,
        "इंसान इन्सान आदमी मैनेजर सुपरवाइजर सुपरवाइज़र ऑपरेटर मनुष्य व्यक्ति मालिक साहब_से सीनियर बॉस कस्टमर_केयर एजेंट सर_से मैडम_से insaan insan aadmi admi aadmee manushya vyakti malik maalik bada_sahab bade_sahab बड़े_साहब sir_se sahab_se saab_se madam_se sahib_se bande_se बंदे_से asli_insaan meneger mainejar maneger manajer",
    ),
    (Someone, "किसी कोई kisi koi kisi_se किसी_से"),
    (Talk, "बात baat bat_karni bat_karo baatcheet बातचीत bat_karao bat_karna"),
    (
        TalkMake,
        "कराओ कराइए करवाओ करवाइए करवा_दो करा_दो करा_दीजिए करवा_दीजिए कराना करवा_दें करा_दें करवाना कराइये करवाइये करा_दीजिये करवा_दीजिये करा_दे करवा_दे karao karaiye karaie karwao karvao karwaiye karwa_do kara_do kara_dijiye karwa_dijiye karana karwa_de kara_de \
         karwana karva_do karvaiye karaa_do karwaao karado karvado karwado karao_na kra_do krwa_do karaao karwaie karwa_dena kara_dena karva_dijiye karwa_den kara_den karaye karwaye",
    ),
    (Connect, "कनेक्ट ट्रांसफर ट्रांस्फर जोड़ो जोड़_दो जोड़िए फॉरवर्ड jodo jod_do jodiye jod_dijiye"),
    (Machine, "मशीन रोबोट कंप्यूटर रिकॉर्डिंग बोट रिकॉर्डेड masheen mashin kampyutar"),
    (
        Want,
        "चाहिए चाहिये चाहता चाहते चाहूंगा करनी करना chahiye chahie chaiye chahta chahte chahunga karni karna chaahiye krni krna chahti चाहती",
    ),
    (
        Give,
        "दीजिए दीजिये दें बुलाओ बुलाइए बुला_दो दिलाओ दो_ना dijiye dijie den bulao bulaiye bula_do dilao dena देना लाओ lao बुलवाओ bulwao bulaye dedo do_na bula_dijiye",
    ),
    (
        NoNeed,
        "ज़रूरत_नहीं जरूरत_नहीं ज़रूरत_नही जरूरत_नही आवश्यकता_नहीं zaroorat_nahi zarurat_nahi jarurat_nahi jaroorat_nahi zaroorat_nahin zarurat_nahin jarurat_nahin avashyakta_nahi nahi_chahiye नहीं_चाहिए nahin_chahiye zarurat_nai nahi_chaiye zaroorat_hi_nahi jarurat_hi_nahi नहीं_चाहिये mat_karo मत_करो mat_karna मत_करना mat_kijiye मत_कीजिए mat_karao मत_कराओ",
    ),
    (Please, "कृपया प्लीज प्लीज़ kripya kripaya krupaya"),
];

/// English words in Devanagari.
pub(super) const ENGLISH: Table = &[
    (Small(1), "वन"),
    (ToOrTwo, "टू टु"),
    (For, "फॉर"),
    (AmPm(true), "पीएम्"),
    (Part(Part::Early), "अर्ली_मॉर्निंग"),
    (Part(Part::Evening), "ईवनिंग"),
    (AfterLunch, "आफ्टर_लंच"),
    (BeforeLunch, "बिफोर_लंच"),
    (DayAfter, "डे_आफ्टर"),
    (Day(2), "डे_आफ्टर_टुमॉरो"),
    (Small(3), "थ्री"),
    (Small(4), "फोर फ़ोर"),
    (Small(5), "फाइव फ़ाइव फाईव"),
    (Small(6), "सिक्स"),
    (Small(7), "सेवन सेवेन"),
    (Small(8), "एट ऐट"),
    (Small(9), "नाइन नाईन"),
    (Small(10), "टेन"),
    (Small(11), "इलेवन इलेवेन"),
    (Small(12), "ट्वेल्व"),
    (Small(13), "थर्टीन"),
    (Small(14), "फोर्टीन"),
    (Small(15), "फिफ्टीन फ़िफ़्टीन"),
    (Small(16), "सिक्सटीन"),
    (Small(17), "सेवनटीन"),
    (Small(18), "एटीन"),
    (Small(19), "नाइनटीन"),
    (Tens(20), "ट्वेंटी"),
    (Tens(30), "थर्टी"),
    (Tens(40), "फोर्टी फॉर्टी"),
    (Tens(50), "फिफ्टी फ़िफ़्टी"),
    (Tens(60), "सिक्सटी सिक्स्टी"),
    (Tens(70), "सेवेंटी सेवंटी"),
    (Tens(80), "एटी"),
    (Tens(90), "नाइंटी नाइनटी"),
    (EnglishScale(100), "हंड्रेड हन्ड्रेड"),
    (EnglishScale(1_000), "थाउजेंड थाउज़ेंड थाउजैंड थाउसेंड"),
    (Half, "हाफ"),
    (Oclock, "ओक्लॉक"),
    (Between, "बिटवीन"),
    (After, "आफ्टर"),
    (Before, "बिफोर"),
    (No, "नो"),
    (Not, "नॉट"),
    (Plus, "प्लस"),
    (Yes, "येस या_या ya_ya yeah"),
    (Please, "प्लीज"),
    (Final, "फॉर_यू"),
    (Free, "फ़्री"),
    (NoProblem, "नो_प्रॉब्लम नो_इश्यू"),
    (Tonight, "टुनाइट"),
    (Day(0), "टुडे"),
];
