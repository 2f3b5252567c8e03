//! What the speech models take: which of them speak over the text-to-speech sockets, and which language codes each accepts.

/// Whether a model speaks over `/v1/text-to-speech/…` sockets. The v3 and v4 families are refused there (they have sockets of
/// their own, `/v1/text-to-dialogue/…`, which are not used here): they are spoken over HTTP.
pub(super) fn speaks_over_sockets(model_id: &str) -> bool {
    !(model_id.starts_with("eleven_v3") || model_id.starts_with("eleven_v4"))
}

/// The `language_code` to send for a language (ISO 639-1), if the model takes one. A code outside a model's table may be
/// answered with 400, and `eleven_multilingual_v2` takes none at all.
pub(super) fn language_code<'a>(model_id: &str, language: &'a str) -> Option<&'a str> {
    let is_in = |table: &str| table.split(' ').any(|code| code == language);
    let taken = match model_id {
        "eleven_flash_v2_5" | "eleven_turbo_v2_5" => is_in(FLASH),
        "eleven_flash_v2" | "eleven_turbo_v2" => language == "en",
        "eleven_v3" | "eleven_v3_conversational" => is_in(FLASH) || is_in(V3_ADDS),
        "eleven_v4" | "eleven_v4_turbo" => is_in(FLASH) || is_in(V3_ADDS) || is_in(V4_ADDS),
        _ => false,
    };
    taken.then_some(language)
}

const FLASH: &str = "ar bg cs da de el en es fi fil fr hi hr hu id it ja ko ms nl no pl pt ro ru sk sv ta tr uk vi zh";
const V3_ADDS: &str = "af as az be bn bs ca ceb cy et fa ga gl gu ha he hy is jv ka kk kn ky lb ln lt lv mk ml mr ne ny pa ps \
                       sd sl so sr sw te th ur";
const V4_ADDS: &str = "ast mi mn mt my oc or tg uz yue";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flash_takes_hindi_and_tamil_but_not_marathi() {
        assert_eq!(language_code("eleven_flash_v2_5", "hi"), Some("hi"));
        assert_eq!(language_code("eleven_flash_v2_5", "ta"), Some("ta"));
        assert_eq!(language_code("eleven_flash_v2_5", "mr"), None);
        assert_eq!(language_code("eleven_v3", "mr"), Some("mr"));
        assert_eq!(language_code("eleven_v3", "or"), None);
        assert_eq!(language_code("eleven_v4", "or"), Some("or"));
    }

    #[test]
    fn a_model_of_no_table_gets_no_code() {
        assert_eq!(language_code("eleven_multilingual_v2", "hi"), None);
        assert_eq!(language_code("eleven_flash_v2", "hi"), None);
    }

    #[test]
    fn the_newer_families_stay_off_the_sockets() {
        assert!(speaks_over_sockets("eleven_flash_v2_5"));
        assert!(!speaks_over_sockets("eleven_v3_conversational"));
        assert!(!speaks_over_sockets("eleven_v4_turbo"));
    }
}
