//! From text to tokens: words with their meanings and byte spans.
//!
//! Splits at spaces, marks and between letters and digits, normalises spelling (case, nukta, nasal signs, apostrophes, digits of
//! Indian scripts) and finds the longest phrase of the lexicon at each word. It decides nothing that needs neighbours: see
//! [`super::sense`]. Key types: [`Token`]. Spans always lie on character boundaries of the original text.

use super::lexicon::{self, Cues, Word};

/// One word, phrase or mark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) word: Word,
    /// Byte span in the original text.
    pub(super) from: usize,
    pub(super) to: usize,
    /// True if nothing stands between this token and the one before.
    pub(super) glued: bool,
    /// True if written with digits.
    pub(super) written: bool,
    /// True if its last word is in Latin letters and ends as an English plural does.
    pub(super) plural: bool,
    /// What its words, and the phrases that begin with them, tell of who speaks about what.
    pub(super) cues: Cues,
}

/// The tokens of a text.
pub(super) fn tokenise(text: &str) -> Vec<Token> {
    let mut pieces = Vec::with_capacity(32);
    let mut spelled = String::with_capacity(text.len() + 8);
    split(text, &mut pieces, &mut spelled);
    let mut tokens: Vec<Token> = Vec::with_capacity(pieces.len());
    let mut i = 0;
    while i < pieces.len() {
        let piece = pieces[i];
        let glued = i > 0 && pieces[i - 1].to == piece.from;
        let (word, count) = match piece.mark {
            Some(word) => (word, 1),
            None => meaning(&pieces[i..], &spelled),
        };
        if word == Word::OrdinalMark
            && glued
            && let Some(last) = tokens.last_mut()
            && let Token { word: Word::Digits { whole: day @ 1..=31, places: 0, .. }, .. } = last
        {
            last.word = Word::Ordinal(u8::try_from(*day).unwrap_or(0));
            last.to = piece.to;
            last.written = true;
            i += count;
            continue;
        }
        let written = matches!(word, Word::Digits { .. } | Word::Clock { .. });
        let cues = (i..i + count).fold(Cues::default(), |cues, at| cues.and(cues_at(&pieces[at..], &spelled)));
        let last = pieces[i + count - 1];
        let plural = last.mark.is_none() && last.to - last.from >= 4 && spelled[last.at.0..last.at.1].ends_with('s');
        tokens.push(Token { word, from: piece.from, to: last.to, glued, written, plural, cues });
        i += count;
    }
    tokens
}

/// Writes the normalised spelling of `raw` to `out`: what two spellings of one word have in common.
pub(super) fn normalise(raw: &str, out: &mut String) {
    let start = out.len();
    for c in raw.chars() {
        match c {
            '\'' | '’' | '‘' | '`' | '\u{093C}' | '\u{200B}'..='\u{200D}' | '\u{FEFF}' => {}
            'a'..='z' | ' ' => out.push(c),
            'A'..='Z' => out.push(c.to_ascii_lowercase()),
            '\u{0958}' => out.push('क'),
            '\u{0959}' => out.push('ख'),
            '\u{095A}' => out.push('ग'),
            '\u{095B}' => out.push('ज'),
            '\u{095C}' => out.push('ड'),
            '\u{095D}' => out.push('ढ'),
            '\u{095E}' => out.push('फ'),
            '\u{095F}' => out.push('य'),
            '\u{0929}' => out.push('न'),
            '\u{0931}' => out.push('र'),
            '\u{0934}' => out.push('ळ'),
            'ँ' => out.push('ं'),
            _ if c.is_ascii() => out.push(c),
            _ => out.extend(c.to_lowercase()),
        }
    }
    nasals(out, start);
}

/// A stretch of text before it has a meaning: a mark, or a word spelled at `at` in the scratch string.
#[derive(Clone, Copy)]
struct Piece {
    mark: Option<Word>,
    from: usize,
    to: usize,
    at: (usize, usize),
}

/// The cues of the first piece and of all phrases that begin with it.
fn cues_at(pieces: &[Piece], spelled: &str) -> Cues {
    let Some(first) = pieces.first().filter(|piece| piece.mark.is_none()) else { return Cues::default() };
    let (mut cues, longest) = lexicon::cues_of(&spelled[first.at.0..first.at.1]);
    for count in 2..=usize::from(longest).min(pieces.len()) {
        if pieces[count - 1].mark.is_some() {
            break;
        }
        cues = cues.and(lexicon::cues_of(&spelled[first.at.0..pieces[count - 1].at.1]).0);
    }
    cues
}

/// The longest phrase at the first piece, or its own meaning.
fn meaning(pieces: &[Piece], spelled: &str) -> (Word, usize) {
    let at = pieces[0].at;
    let Some(entry) = lexicon::word(&spelled[at.0..at.1]) else {
        return (lexicon::by_sound(&spelled[at.0..at.1]).unwrap_or(Word::Other), 1);
    };
    let mut count = usize::from(entry.longest).min(pieces.len());
    while count > 1 {
        let run = &pieces[..count];
        if run.iter().all(|piece| piece.mark.is_none())
            && let Some(word) = lexicon::phrase(&spelled[at.0..run[count - 1].at.1])
        {
            return (word, count);
        }
        count -= 1;
    }
    (entry.word.or_else(|| lexicon::by_sound(&spelled[at.0..at.1])).unwrap_or(Word::Other), 1)
}

fn split(text: &str, pieces: &mut Vec<Piece>, spelled: &mut String) {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let next = at + c.len_utf8();
        if c.is_whitespace() {
            at = next;
        } else if digit(c).is_some() {
            at = digits(text, at, pieces);
        } else if c == '.' && leads_fraction(text, at) {
            at = fraction(text, at, pieces);
        } else if is_letter(c) {
            at = letters(text, at, pieces, spelled);
        } else {
            at = mark(text, at, c, pieces, spelled);
        }
    }
}

/// Reads letters; dots between single letters belong to the word ("p.m.").
fn letters(text: &str, from: usize, pieces: &mut Vec<Piece>, spelled: &mut String) -> usize {
    let mut to = from;
    let mut dotted = false;
    while let Some(c) = text[to..].chars().next() {
        let after = to + c.len_utf8();
        if is_letter(c) || (matches!(c, '\'' | '’' | '‘') && text[after..].chars().next().is_some_and(is_letter)) {
            if dotted && text[after..].chars().next().is_some_and(is_letter) {
                break;
            }
            to = after;
        } else if c == '.' && single_letter(text, from, to) && text[after..].chars().next().is_some_and(is_letter) {
            dotted = true;
            to = after;
        } else {
            break;
        }
    }
    let whole = to;
    if dotted && text[to..].starts_with('.') {
        to += 1;
    }
    if spelled.as_bytes().last().is_some_and(|b| *b != b' ') {
        spelled.push(' ');
    }
    let start = spelled.len();
    if dotted {
        for part in text[from..whole].split('.') {
            normalise(part, spelled);
        }
    } else {
        normalise(&text[from..whole], spelled);
    }
    pieces.push(Piece { mark: None, from, to, at: (start, spelled.len()) });
    to
}

/// True if the word so far is one letter, or letters each with its dot.
fn single_letter(text: &str, from: usize, to: usize) -> bool {
    text[from..to].split('.').all(|part| part.chars().count() == 1)
}

/// Reads a number as written: Indian or Western commas, a decimal part, or a clock time with a colon.
fn digits(text: &str, from: usize, pieces: &mut Vec<Piece>) -> usize {
    let mut whole: u64 = 0;
    let mut len: u8 = 0;
    let mut grouped = false;
    let mut at = from;
    let run = |mut at: usize, take: &mut dyn FnMut(u8)| {
        while let Some(d) = text[at..].chars().next().and_then(|c| digit(c).map(|d| (d, c.len_utf8()))) {
            take(d.0);
            at += d.1;
        }
        at
    };
    at = run(at, &mut |d| {
        whole = whole.saturating_mul(10).saturating_add(u64::from(d));
        len = len.saturating_add(1);
    });
    // A comma belongs to the number if two or three digits follow, and three in the last group.
    while text[at..].starts_with(',') && len <= 12 {
        let mut count = 0;
        let mut value: u64 = 0;
        let end = run(at + 1, &mut |d| {
            count += 1;
            value = value.saturating_mul(10).saturating_add(u64::from(d));
        });
        let more = text[end..].starts_with(',') && text[end + 1..].chars().next().and_then(digit).is_some();
        // "5,00": a recogniser's comma between the hundreds and the rest.
        let misplaced = count == 2 && !more && !grouped && len <= 2 && whole > 0;
        if misplaced {
            grouped = true;
            whole = whole.saturating_mul(100).saturating_add(value);
            len = len.saturating_add(count);
            at = end;
            break;
        }
        if !(count == 3 || count == 2 && more) || (!grouped && len > 3) {
            break;
        }
        grouped = true;
        whole = whole.saturating_mul(if count == 3 { 1000 } else { 100 }).saturating_add(value);
        len = len.saturating_add(count);
        at = end;
    }
    let mut frac: u32 = 0;
    let mut places: u8 = 0;
    let rest = text[at..].chars().next();
    let following = rest.and_then(|c| text[at + c.len_utf8()..].chars().next()).and_then(digit);
    if following.is_some() && rest == Some('.') {
        let end = run(at + 1, &mut |d| {
            if places < 6 {
                frac = frac * 10 + u32::from(d);
                places += 1;
            }
        });
        let dotted_date = text[end..].starts_with('.') && text[end + 1..].chars().next().and_then(digit).is_some();
        if dotted_date {
            pieces.push(Piece {
                mark: Some(Word::Digits { whole, len, frac: 0, places: 0, grouped }),
                from,
                to: at,
                at: (0, 0),
            });
            pieces.push(Piece { mark: Some(Word::Slash), from: at, to: at + 1, at: (0, 0) });
            return dotted(text, at + 1, pieces);
        }
        at = end;
    } else if following.is_some() && matches!(rest, Some(':')) && len <= 2 && !grouped {
        let mut minute: u32 = 0;
        let mut count = 0;
        let end = run(at + 1, &mut |d| {
            count += 1;
            minute = minute.saturating_mul(10).saturating_add(u32::from(d));
        });
        if count == 2 && minute < 60 && whole < 25 {
            let clock =
                Word::Clock { hour: u8::try_from(whole).unwrap_or(0), minute: u8::try_from(minute).unwrap_or(0) };
            pieces.push(Piece { mark: Some(clock), from, to: end, at: (0, 0) });
            return end;
        }
    }
    pieces.push(Piece { mark: Some(Word::Digits { whole, len, frac, places, grouped }), from, to: at, at: (0, 0) });
    at
}

/// True for the dot of ".5".
fn leads_fraction(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    text[at + 1..].chars().next().and_then(digit).is_some() && before.is_none_or(char::is_whitespace)
}

/// Reads ".5" as nought point five.
fn fraction(text: &str, from: usize, pieces: &mut Vec<Piece>) -> usize {
    let (mut frac, mut places, mut at) = (0_u32, 0_u8, from + 1);
    while let Some((d, width)) = text[at..].chars().next().and_then(|c| digit(c).map(|d| (d, c.len_utf8()))) {
        if places < 6 {
            frac = frac * 10 + u32::from(d);
            places += 1;
        }
        at += width;
    }
    let mark = Word::Digits { whole: 0, len: 1, frac, places, grouped: false };
    pieces.push(Piece { mark: Some(mark), from, to: at, at: (0, 0) });
    at
}

/// Reads the middle part of a date written with dots: digits, then a dot before the year.
fn dotted(text: &str, from: usize, pieces: &mut Vec<Piece>) -> usize {
    let mut whole: u64 = 0;
    let mut len: u8 = 0;
    let mut at = from;
    while let Some((d, width)) = text[at..].chars().next().and_then(|c| digit(c).map(|d| (d, c.len_utf8()))) {
        whole = whole.saturating_mul(10).saturating_add(u64::from(d));
        len = len.saturating_add(1);
        at += width;
    }
    pieces.push(Piece {
        mark: Some(Word::Digits { whole, len, frac: 0, places: 0, grouped: false }),
        from,
        to: at,
        at: (0, 0),
    });
    pieces.push(Piece { mark: Some(Word::Slash), from: at, to: at + 1, at: (0, 0) });
    at + 1
}

fn mark(text: &str, at: usize, c: char, pieces: &mut Vec<Piece>, spelled: &str) -> usize {
    let next = at + c.len_utf8();
    let after = text[next..].chars().next();
    let before = text[..at].chars().next_back();
    let (word, to) = match c {
        '₹' => (Some(Word::Rupee), next),
        '$' | '€' | '£' | '¥' => (Some(Word::Foreign), next),
        '%' => (Some(Word::Percent), next),
        '/' if matches!(after, Some('-' | '=' | '–')) => (Some(Word::Rupee), next + after.map_or(0, char::len_utf8)),
        '/' => (Some(Word::Slash), next),
        '+' => (Some(Word::Plus), next),
        '#' => (Some(Word::NumberSign), next),
        '&' => (Some(Word::And), next),
        '@' => (Some(Word::At), next),
        ',' | ';' | '—' | '،' => (Some(Word::Comma), next),
        '-' | '–' | '‐' | '‑' | '−' | '~' => {
            let left = text[..at].trim_end().chars().next_back();
            let right = text[next..].trim_start().chars().next();
            let spaced = before.is_some_and(char::is_whitespace) || after.is_some_and(char::is_whitespace);
            let numbers = left.and_then(digit).is_some() && right.is_some_and(|c| digit(c).is_some() || c == '₹')
                || right.and_then(digit).is_some() && left.is_some();
            if numbers || !spaced && between_numbers(pieces, spelled, &text[next..]) {
                (Some(Word::Hyphen), next)
            } else if spaced {
                (Some(Word::Comma), next)
            } else {
                (None, next)
            }
        }
        '?' | '？' => (Some(Word::Question), next),
        '…' => (Some(Word::Ellipsis), next),
        '.' => {
            let dots = text[at..].bytes().take_while(|b| *b == b'.').count();
            if dots > 1 {
                (Some(Word::Ellipsis), at + dots)
            } else if after.is_none_or(char::is_whitespace) && !abbreviation(pieces, spelled, at) {
                (Some(Word::Stop), next)
            } else {
                (None, next)
            }
        }
        '!' | '।' | '॥' | '\u{06D4}' => (Some(Word::Stop), next),
        _ => (None, next),
    };
    if let Some(word) = word {
        pieces.push(Piece { mark: Some(word), from: at, to, at: (0, 0) });
    }
    to
}

/// "do-teen": a hyphen between two counts in words joins them; that of "twenty-five" and "five-hundred" does not.
fn between_numbers(pieces: &[Piece], spelled: &str, rest: &str) -> bool {
    let count = |spelling: &str| match lexicon::word(spelling).and_then(|entry| entry.word) {
        Some(Word::Count(_) | Word::Small(_) | Word::TwoOrGive | Word::DoOrTwo | Word::SixtyOrWith) => true,
        Some(_) | None => false,
    };
    let left = pieces.last().filter(|piece| piece.mark.is_none()).map(|piece| &spelled[piece.at.0..piece.at.1]);
    let mut right = String::new();
    normalise(&rest[..rest.find(|c: char| !is_letter(c)).unwrap_or(rest.len())], &mut right);
    left.is_some_and(count) && count(&right)
}

/// True if the dot at `at` belongs to a short form such as "Rs." or "no.".
fn abbreviation(pieces: &[Piece], spelled: &str, at: usize) -> bool {
    let Some(last) = pieces.last() else { return false };
    last.to == at
        && last.mark.is_none()
        && matches!(lexicon::word(&spelled[last.at.0..last.at.1]).and_then(|e| e.word), Some(Word::Rupee | Word::No))
        && matches!(&spelled[last.at.0..last.at.1], "rs" | "no" | "inr" | "रु")
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic()
        || matches!(c, '\u{0300}'..='\u{036F}' | '\u{200C}' | '\u{200D}')
        || (('\u{0900}'..='\u{0DFF}').contains(&c) && !matches!(c, '।' | '॥') && digit(c).is_none())
}

/// The value of a decimal digit of ASCII or an Indian script.
fn digit(c: char) -> Option<u8> {
    let c = u32::from(c);
    let zero = match c {
        0x30..=0x39 => 0x30,
        0x0966..=0x096F => 0x0966,
        0x09E6..=0x09EF => 0x09E6,
        0x0A66..=0x0A6F => 0x0A66,
        0x0AE6..=0x0AEF => 0x0AE6,
        0x0B66..=0x0B6F => 0x0B66,
        0x0BE6..=0x0BEF => 0x0BE6,
        0x0C66..=0x0C6F => 0x0C66,
        0x0CE6..=0x0CEF => 0x0CE6,
        0x0D66..=0x0D6F => 0x0D66,
        _ => return None,
    };
    u8::try_from(c - zero).ok()
}

/// Writes a nasal consonant before another consonant as anusvara: हिन्दी and हिंदी are one word.
fn nasals(out: &mut String, start: usize) {
    if !out[start..].contains('्') {
        return;
    }
    let chars: Vec<char> = out[start..].chars().collect();
    out.truncate(start);
    let mut i = 0;
    while i < chars.len() {
        let nasal = matches!(chars[i], 'न' | 'म' | 'ण' | 'ङ' | 'ञ');
        let follows = chars.get(i + 2).copied().unwrap_or(' ');
        let consonant =
            ('क'..='ह').contains(&follows) && !matches!(follows, 'य' | 'र' | 'ल' | 'व' | 'ह' | 'न' | 'म' | 'ण');
        if nasal && chars.get(i + 1) == Some(&'्') && consonant {
            out.push('ं');
            i += 2;
        } else {
            out.push(chars[i]);
            i += 1;
        }
    }
}
