//! English as spoken in India.

use super::Word::*;
use super::{Part, Table, Unit};
use crate::understand::Per;

pub(super) const WORDS: Table = &[
    // Numbers.
    (Small(0), "zero nought"),
    (Small(1), "one"),
    (Small(2), "two"),
    (Small(3), "three"),
    (Small(4), "four"),
    (Small(5), "five"),
    (Small(6), "six"),
    (Small(7), "seven"),
    (Small(8), "eight"),
    (Small(9), "nine"),
    (Small(10), "ten"),
    (Small(11), "eleven"),
    (Small(12), "twelve"),
    (Small(13), "thirteen"),
    (Small(14), "fourteen"),
    (Small(15), "fifteen"),
    (Small(16), "sixteen"),
    (Small(17), "seventeen"),
    (Small(18), "eighteen"),
    (Small(19), "nineteen"),
    (Tens(20), "twenty"),
    (Tens(30), "thirty"),
    (Tens(40), "forty fourty"),
    (Tens(50), "fifty"),
    (Tens(60), "sixty"),
    (Tens(70), "seventy"),
    (Tens(80), "eighty"),
    (Tens(90), "ninety ninty"),
    (EnglishScale(100), "hundred hundreds"),
    (EnglishScale(1_000), "thousand thousands thou grand"),
    (Scale(100_000), "lakh lakhs lac lacs lakhh"),
    (Scale(10_000_000), "crore crores cr karor karod krore"),
    (Kilo, "k"),
    (Ordinal(1), "first"),
    (Ordinal(3), "third"),
    (Ordinal(4), "fourth"),
    (Ordinal(5), "fifth"),
    (Ordinal(6), "sixth"),
    (Ordinal(7), "seventh"),
    (Ordinal(8), "eighth"),
    (Ordinal(9), "ninth"),
    (Ordinal(10), "tenth"),
    (Ordinal(11), "eleventh"),
    (Ordinal(12), "twelfth"),
    (Ordinal(13), "thirteenth"),
    (Ordinal(14), "fourteenth"),
    (Ordinal(15), "fifteenth"),
    (Ordinal(16), "sixteenth"),
    (Ordinal(17), "seventeenth"),
    (Ordinal(18), "eighteenth"),
    (Ordinal(19), "nineteenth"),
    (Ordinal(20), "twentieth"),
    (Ordinal(30), "thirtieth"),
    (Ordinal(2), "second"),
    (Article, "a an"),
    (Half, "half"),
    (QuarterPart, "quarter quarters"),
    (AndHalf, "and_a_half and_half and_one_half n_half nd_half"),
    (Repeat(2), "double"),
    (Repeat(3), "triple tripple treble"),
    (Point, "point"),
    (Oh, "oh o"),
    (Dozen, "dozen dozens"),
    (
        NoneAtAll,
        "none nil nothing not_any not_even_one not_a_single_one not_a_single nobody_else no_one_else nobody_with_me \
         no_one_with_me",
    ),
    // Money.
    (Rupee, "rupee rupees rs inr rupess ruppees ruppee rupes rupeess rupis rups bucks buck rupiya rupiyas"),
    (Paise, "paise paisa paisas paises"),
    (
        Foreign,
        "dollar dollars usd euro euros eur pound pounds gbp sterling dirham dirhams aed dinar dinars yen yuan riyal riyals cents cent",
    ),
    (
        Charge,
        "charge charges rate rates price prices quote quotes quotation fare fares cost costs amount freight pricing \
         charging charged costing hire rent costing_you fee fees",
    ),
    (
        Side,
        "loading unloading labour labor labourer hamali hamaali toll tolls parking tax taxes gst fastag tolltax waiting \
         detention halting halt offloading coolie mathadi toll_tax tolls_and_taxes",
    ),
    (Extra, "extra additional additionally separate separately on_top over_and_above apart extras on_top_of_that"),
    (Another, "another more"),
    (Total, "total totally all_together altogether in_all overall grand_total total_amount in_total all_in_all"),
    (
        AtLeast,
        "at_least atleast minimum starting_from starting_at starts_from starts_at starting lowest minimum_of at_minimum",
    ),
    (AtMost, "maximum max at_most atmost up_to upto at_max not_exceeding highest"),
    (LessThan, "less_than lesser_than below under lower_than"),
    (MoreThan, "more_than above over greater_than higher_than upwards_of"),
    (
        NotLess,
        "not_less_than no_less_than not_below not_under not_lower_than nothing_less_than nothing_below nothing_under \
         never_less_than never_below",
    ),
    (NotMore, "not_more_than no_more_than not_above not_over nothing_more_than nothing_above not_beyond"),
    (Base, "base basic"),
    (Free, "free complimentary gratis"),
    (
        FreeOfCharge,
        "free_of_cost free_of_charge no_charge no_charges without_charge without_any_charge not_charging no_cost \
         nothing_to_pay not_charge_anything dont_charge_anything wont_charge_anything no_fee no_fees no_payment free_free \
         zero_charge zero_charges zero_cost not_charging_anything not_taking_anything no_charge_at_all without_any_charges \
         wont_take_anything wont_charge_you no_money no_rupees not_charge_you",
    ),
    (
        TooLow,
        "too_low very_low so_low too_less very_less so_less too_little very_little is_low is_less too_small is_too_small \
         way_too_low way_too_less really_low quite_low bit_low not_enough isnt_enough not_sufficient insufficient is_loss \
         too_cheap far_too_low much_too_low low_price",
    ),
    (
        Fails,
        "wont_work not_work not_possible impossible isnt_possible doesnt_work does_not_work will_not_work not_workable \
         not_feasible wont_do not_acceptable unacceptable wont_be_possible not_be_possible difficult not_agree \
         not_okay not_ok not_fine not_good no_good no_chance no_way out_of_question out_of_the_question cant_be_done \
         cannot_be_done isnt_ok isnt_okay isnt_fine isnt_workable wont_suffice is_loss_making not_viable doesnt_suit \
         not_going_to_work isnt_going_to_work wont_happen cant_happen cannot_happen not_happening unworkable rejected \
         wont_be_enough not_be_enough cant_work cannot_work would_not_work wouldnt_work not_manageable no_deal",
    ),
    (
        Final,
        "now final finally for_you for_u just_for_you only_for_you last_price best_price final_price special_price \
         this_time new_rate new_price new_charge revised_rate revised right_now right_away today_only discounted last_and_final best_rate final_rate last_rate net best_offer \
         final_offer special_rate net_price currently at_present these_days for_your_company",
    ),
    (
        Normal,
        "normally normal usually usual list_rate list_price regular regularly generally general mrp otherwise_it_is \
         standard original originally actual_price market_rate market_price typical typically ordinarily",
    ),
    (
        Earlier,
        "old_rate old_price old_charge last_time previous previously last_week last_month last_year earlier last_trip used_to in_the_past before_this \
         last_order last_load previous_time last_booking past_trip last_season back_then the_other_day days_ago weeks_ago months_ago",
    ),
    (
        Others,
        "another_vendor other_vendor other_vendors other_transporter other_transporters another_transporter others \
         somebody_else someone_else other_people another_person another_company other_company other_companies \
         other_suppliers another_supplier other_supplier competitor competitors the_other_guy other_guy other_guys \
         my_competitor other_parties another_party other_party another_guy some_vendors some_people other_drivers \
         other_truckers neighbour everyone_else everybody_else other_agency another_agency another_driver",
    ),
    (Included, "included inclusive including inclusive_of includes with_everything covered include"),
    (Moment, "moment moments thing things jiffy"),
    (Percent, "percent percentage per_cent percents"),
    // Units and labels.
    (Unit(Unit::Per(Per::Trip)), "trip trips round rounds round_trip"),
    (Unit(Unit::Per(Per::Km)), "km kms kilometer kilometre kilometers kilometres kmeter kilo_meter kilo_metre"),
    (Unit(Unit::Per(Per::Hour)), "hour hours hr hrs"),
    (Unit(Unit::Per(Per::Kg)), "kg kgs kilogram kilograms kilogramme kilo kilos"),
    (Unit(Unit::Per(Per::Tonne)), "tonne tonnes ton tons mt metric_ton metric_tons metric_tonne metric_tonnes"),
    (Unit(Unit::Per(Per::Day)), "day days"),
    (
        Unit(Unit::Per(Per::Piece)),
        "piece pieces pcs pc box boxes bag bags carton cartons item items unit units packet packets sack sacks parcel parcels",
    ),
    (Unit(Unit::Minute), "minute minutes min mins seconds sec secs"),
    (Unit(Unit::Week), "week weeks"),
    (Unit(Unit::Month), "month months"),
    (Unit(Unit::Year), "year years"),
    (
        Unit(Unit::Thing),
        "truck trucks vehicle vehicles people persons men foot feet ft litre litres liter liters metre metres meter \
         meters wheeler wheelers wheels tyre tyres floors times quintal quintals drivers helpers labourers workers \
         cars tempos pickups loads orders shipments containers pallets drums rolls crates stops points cft sqft inch inches \
         degrees degree figure figures locations places drops guys passengers members",
    ),
    (Rate(Per::Day), "daily per_diem"),
    (Rate(Per::Hour), "hourly"),
    (PerUnit, "per"),
    (Each, "each every apiece"),
    (
        Label,
        "room gate po invoice tata eicher tracking lr docket awb consignment booking ticket house shop street floor registration serial_no quote_id trip_id gala cabin building block store seat \
         terminal zone phase wing vehicle_registration plot sector platform dock bay otp \
         pin pincode pin_code zip_code order_id tracking_id booking_id reference waybill shed godown_no unit_no warehouse \
         apartment challan bill_no id ref extension license licence door_no route highway consignment_id shipment_id \
         purchase_order po_number waybill eway_bill serial token batch lane aadhaar aadhar survey nh door version covid page class level size age",
    ),
    (LabelLong, "order bill account reference"),
    (LabelStem, "truck lorry vehicle car flat model pickup tempo"),
    (
        CallBack,
        "call_back call_you phone_you ring_you call_again call_later ill_call_you will_call_you call_you_back ill_call will_call \
         ill_phone will_phone ill_ring will_ring let_me_call let_me_phone need_to_call have_to_call want_to_call \
         going_to_call must_call need_to_phone have_to_phone want_to_phone going_to_phone",
    ),
    (CallMe, "call_me call_us ring_me ring_us phone_me phone_us call_me_back call_us_back can_you_call could_you_call"),
    (Come, "come reach arrive"),
    (Tell, "tell_you let_you_know inform_you get_back get_back_to_you message_you whatsapp_you update_you"),
    (Opens, "opens"),
    (Fuel, "diesel petrol fuel cng"),
    (Off, "discount rebate concession"),
    (NumberSign, "number numbers num no_. nos"),
    (PhoneNoun, "phone mobile contact whatsapp cell telephone landline dial"),
    // Joints.
    (To, "to"),
    (Till, "till until til untill through"),
    (Too, "too"),
    (For, "for"),
    (Between, "between in_between"),
    (From, "from since"),
    (And, "and n as_well_as"),
    (Plus, "plus"),
    (Or, "or or_else either or_maybe or_may_be or_even or_perhaps or_otherwise alternatively or_possibly"),
    (But, "but however while whereas though although"),
    (Of, "of"),
    (It, "it"),
    (Is, "is take takes taking was_it comes will_be would_be be are comes_to its thats it_is that_is stands"),
    (At, "at @"),
    (Inside, "in into in_about in_around"),
    (OrdinalMark, "st nd rd th"),
    (With, "with along_with"),
    (Without, "without excluding excl minus not_including exclusive_of excludes"),
    (
        About,
        "around about roughly approximately approx nearly almost circa or_so more_or_less give_or_take somewhere_around \
         some_where_around around_about close_to somewhere plus_minus i_think i_guess i_believe i_feel near near_about",
    ),
    (
        Filler,
        "good_morning good_evening good_afternoon good_night good_day very_good_morning happy_diwali the on basis um uh basically well like umm uhh hmm er erm sir madam maam yaar ok_so okay_so you_know see look please_note \
         listen only just hi hey kindly all then also even at_all all_inclusive plus_gst plus_tax plus_taxes \
         excluding_gst excluding_tax excluding_taxes including_gst including_tax including_taxes inclusive_of_gst \
         inclusive_of_tax inclusive_of_taxes with_gst without_gst gst_extra tax_extra plus_gst_extra exclusive_of_gst \
         exclusive_of_tax gst_included tax_included including_all_taxes inclusive_of_all_taxes gst_additional gst_separate \
         excluding_all_taxes before_tax after_tax as_well same_as_last_time fixed flat_rate approximately_speaking \
         all_inclusive_of_taxes inclusive_of_everything including_everything lets_say let_us_say say",
    ),
    (Ellipsis, "… ..."),
    // Correction, denial, quoting.
    (
        Correct,
        "sorry wait actually i_mean make_that make_it correction rather my_mistake i_meant apologies my_bad hold_on \
         scratch_that let_me_correct no_wait oops excuse_me or_rather on_second_thought change_that pardon_me forget_that \
         i_misspoke mistake instead",
    ),
    (No, "no nope nah noo naah"),
    (Not, "not isnt aint wasnt arent no_one nobody noone"),
    (
        Cant,
        "cant cannot wont dont couldnt wouldnt doesnt didnt unable shouldnt can_not will_not do_not does_not would_not \
         could_not should_not havent hasnt never refuse not_able not_going not_do unavailable not_available not_free not_open",
    ),
    (
        DidntSay,
        "didnt_say did_not_say never_said dont_say havent_said wasnt_saying not_saying didnt_mean did_not_mean not_said",
    ),
    (
        Quote,
        "did_you_say you_mean do_you_mean you_said are_you_saying you_meant did_you_mean you_told were_you_saying \
         you_are_saying youre_saying have_you_said was_it_you_who_said you_just_said you_say so_you_said did_i_hear \
         you_mentioned did_you_mention you_offered you_are_offering are_you_offering youre_offering you_quoted did_you_quote \
         do_you_say you_asked did_you_ask are_you_asking you_want_me",
    ),
    // People.
    (I, "i we im ive weve id ill will would can will_i could should would_i let_us lets"),
    (You, "you u ya_you"),
    (He, "he she they him them his her their theirs someones"),
    (My, "my our mine ours"),
    (Your, "your yours ur"),
    // Time.
    (AmPm(true), "pm p_m pms post_meridiem"),
    (AmPm(false), "a_m ams"),
    (AmOrBe, "am"),
    (Oclock, "oclock o_clock clock o'clock"),
    (Part(Part::Early), "early_morning early_in_the_morning early_mornings dawn crack_of_dawn very_early early_hours"),
    (Part(Part::Morning), "morning mornings in_morning forenoon"),
    (Part(Part::Afternoon), "afternoon afternoons"),
    (Part(Part::Evening), "evening evenings eve"),
    (Part(Part::Night), "night nights nighttime night_time"),
    (Noon, "noon midday mid_day noontime 12_noon twelve_noon"),
    (Midnight, "midnight mid_night 12_midnight twelve_midnight"),
    (FirstHalf, "first_half 1st_half"),
    (SecondHalf, "second_half 2nd_half"),
    (
        AfterLunch,
        "after_lunch post_lunch after_lunchtime after_my_lunch after_the_lunch after_lunch_time after_lunch_break",
    ),
    (
        BeforeLunch,
        "before_lunch pre_lunch before_lunchtime before_the_lunch before_lunch_time till_lunch by_lunch until_lunch",
    ),
    (HalfPast, "half_past half_after"),
    (QuarterPast, "quarter_past quarter_after a_quarter_past"),
    (QuarterTo, "quarter_to quarter_before a_quarter_to quarter_till"),
    (Past, "past"),
    (
        AnyTime,
        "any_time anytime whole_day all_day full_day entire_day throughout_the_day whenever any_hour all_day_long \
         whole_of_the_day anytime_is_fine no_time_constraint round_the_clock the_whole_day any_slot \
         twenty_four_hours any_moment no_fixed_time whichever_time whatever_time through_the_day all_through_the_day",
    ),
    (After, "after post later_than past_the"),
    (Before, "before prior_to earlier_than ahead_of pre"),
    (By, "by latest_by no_later_than not_later_than at_the_latest_by"),
    (Onwards, "onwards onward and_onwards or_later or_after on_wards or_afterwards"),
    (
        NotBefore,
        "not_before no_earlier_than not_earlier_than never_before earliest the_earliest not_until not_till only_after",
    ),
    (NotAfter, "not_after never_after not_past nothing_after"),
    (Within, "within in_the_next in_next inside"),
    (FromNow, "from_now hence later from_this_moment from_today"),
    (
        Closed,
        "closed close closes closing shut break breaks lunch_break tea_break busy off holiday occupied lunch lunchtime shutdown prayer",
    ),
    (
        Except,
        "except excepting apart_from other_than besides except_for except_between barring anything_but any_language_but everything_but all_but anything_except",
    ),
    (
        PastVerb,
        "went came was were had sent called did left reached arrived spoke happened received delivered visited took gave been",
    ),
    (Sharp, "sharp exactly_at dot on_the_dot ish"),
    // Dates.
    (Day(0), "today todays"),
    (Day(1), "tomorrow tomorow tommorow tommorrow tmrw tomo tomorrows"),
    (DayAfter, "day_after the_day_after overmorrow"),
    (Day(2), "day_after_tomorrow the_day_after_tomorrow day_after_tomorow day_after_tommorow"),
    (Yesterday, "yesterday day_before_yesterday"),
    (Tonight, "tonight tonite"),
    (Weekday(1), "monday mon mondays"),
    (Weekday(2), "tuesday tue tues tuesdays"),
    (Weekday(3), "wednesday wed wednesdays wensday wednesay"),
    (Weekday(4), "thursday thu thur thurs thursdays"),
    (Weekday(5), "friday fri fridays"),
    (Weekday(6), "saturday saturdays"),
    (Weekday(7), "sunday sundays"),
    (Month(1), "january jan"),
    (Month(2), "february feb febuary"),
    (Month(3), "march"),
    (Month(4), "april apr"),
    (MonthOrVerb(5), "may"),
    (Month(6), "june jun"),
    (Month(7), "july jul"),
    (Month(8), "august aug"),
    (Month(9), "september sept sep"),
    (Month(10), "october oct"),
    (Month(11), "november nov"),
    (Month(12), "december dec"),
    (Tarikh, "date dated"),
    (Next, "next following"),
    (This, "this coming upcoming this_coming the_coming"),
    // Yes and no.
    (
        Yes,
        "yes yeah yep yup yess yea sure certainly definitely absolutely of_course correct confirmed confirm agreed agree \
         exactly affirmative uh_huh mm_hmm yes_please indeed thats_right that_is_right very_much i_think_so i_guess_so \
         for_sure go_ahead you_got_it as_you_said as_i_said spot_on aye accepted accept surely yess_sir true positive by_all_means please_do \
         ok_done lets_do_it it_works yea_sure i_would_love_to yees",
    ),
    (
        Fine,
        "ok okay okey okk oky fine right done good great perfect alright all_right cool works deal workable possible doable \
         acceptable suits sounds_good ready k_fine comfortable thats_it happy agreeable manageable interested available",
    ),
    (Wrong, "wrong incorrect false negative untrue inaccurate"),
    (
        NoProblem,
        "nothing_wrong no_problem no_issue no_issues no_problems no_objection no_objections why_not not_a_problem no_worries no_prob \
         not_an_issue never_mind_ok without_any_problem no_problem_at_all no_doubt without_a_doubt no_harm isnt_a_problem \
         no_tension no_difficulty no_trouble no_concerns no_hassle dont_worry wont_be_a_problem not_at_all_a_problem no_big_deal \
         no_such_problem no_issue_at_all dont_have_any_problem dont_have_a_problem dont_mind wouldnt_mind i_dont_mind \
         have_no_problem have_no_issue have_no_objection",
    ),
    (
        PlainNo,
        "not_really of_course_not absolutely_not certainly_not definitely_not not_at_all no_way never_ever surely_not \
         not_interested i_dont_think_so dont_think_so do_not_think_so by_no_means not_yet im_afraid_not afraid_not \
         no_thanks no_thank_you not_possible never no_chance obviously_not cant_do_that cannot_do_that \
         wont_be_possible not_exactly not_quite nothing_like_that in_no_way neither impossible you_got_it_wrong disagree refuse not_correct \
         not_right not_okay not_ok not_fine not_good no_good not_sure_no rejected decline",
    ),
    (
        Maybe,
        "maybe may_be possibly perhaps might probably could_be might_be may_be_yes possibly_yes maybe_yes maybe_not perhaps_not most_likely likely might_not",
    ),
    (
        DontKnow,
        "wrong_number i_dont_know dont_know do_not_know no_idea cant_say not_sure cannot_say cant_say_now cant_say_right_now not_certain \
         i_am_not_sure im_not_sure no_clue dunno unsure it_depends depends have_to_check need_to_check will_have_to_check \
         let_me_check let_me_see let_me_think let_me_ask let_me_confirm let_me_consult let_me_discuss i_will_check ill_check not_aware dont_remember cant_remember \
         cant_hear cannot_hear dont_understand didnt_understand didnt_get not_clear not_audible come_again say_again \
         repeat_that repeat_please pardon couldnt_hear didnt_hear cant_tell cannot_tell not_decided havent_decided \
         will_let_you_know ask_me_later wouldnt_know didnt_catch cant_confirm cannot_confirm will_confirm_later \
         cant_understand do_not_understand cant_commit not_confirmed cant_be_sure cannot_be_sure not_hundred_percent",
    ),
    (
        Answering,
        "tell_me speaking go_on who_is_this whos_this who_is_speaking whos_calling who_is_calling who_are_you hello_hello whos_speaking who_is_it who_is_that what_do_you_want how_can_i_help hello how_may_i_help whos_that who_is_there whos_there who_am_i_talking_to who_am_i_speaking_to who_is_on_the_line what_is_it what_happened im_listening i_am_listening say_it",
    ),
    (What, "what huh how_about"),
    (Wh, "why how when where which who whose whom do_you are_you_sure have_you did_you"),
    // Languages.
    (
        Place,
        "tamil_nadu tamilnadu gujarat maharashtra punjab bengal west_bengal kerala karnataka andhra telangana tamil_naadu mumbai delhi chennai bengaluru bangalore pune kolkata hyderabad",
    ),
    (
        AnyOfThese,
        "any_of_these any_of_them either_of_them either_one anyone_is_fine both any_language anything_is_fine both_are_fine",
    ),
    (Speak, "speaks knows talks understands"),
    // Handover.
    (
        Human,
        "person human humans manager supervisor operator executive representative agent human_being real_person someone_real \
         owner senior boss rep customer_care customer_service customer_support helpline live_agent superior officer \
         real_human actual_person live_person incharge in_charge call_center_person",
    ),
    (Someone, "someone somebody anyone anybody some_one any_one"),
    (Talk, "talk talking speak speaking_to speaking_with conversation discuss chat"),
    (
        Connect,
        "connect transfer forward put_me_through patch put_me_on put_through redirect connecting transferring hand_over handover route_me escalate transferred connected pass_me patch_me",
    ),
    (
        Machine,
        "machine robot bot computer ai recording recorded automated ivr robots machines chatbot automatic computerised computerized bots recordings software",
    ),
    (Want, "want need would_like want_to need_to wanna prefer require looking_for"),
    (Give, "give get bring let call let_me pass"),
    (
        NoNeed,
        "no_need not_needed not_necessary dont_need no_necessity not_required dont_want do_not_want do_not_need no_requirement unnecessary dont_connect dont_transfer do_not_transfer do_not_connect dont_forward needless",
    ),
    (AreYou, "are_you am_i is_this is_it are_u is_that is_there r_u youre_a you_are_a you_a are_there"),
    (Please, "please plz pls"),
];
