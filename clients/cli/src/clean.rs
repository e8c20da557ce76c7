//! Text from elsewhere, made harmless: no terminal escapes, nothing invisible that changes how the
//! rest is read.

/// One line: line breaks and tabs become spaces.
pub(crate) fn line(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\n' || c == '\t' { ' ' } else { c })
        .filter_map(harmless)
        .collect()
}

/// Keeps line breaks, and indents what follows them so that no line of a message can pass for one
/// of ours.
pub(crate) fn block(text: &str, indent: usize) -> String {
    let text = text.trim_end_matches('\n').replace("\r\n", "\n");
    let mut lines = text.split('\n').map(line);
    let mut block = lines.next().unwrap_or_default();
    for line in lines {
        block.push('\n');
        block.extend(std::iter::repeat_n(' ', indent));
        block.push_str(&line);
    }
    block
}

/// The character itself; a mark in place of controls, so that one sees that something was there;
/// nothing in place of characters that only steer direction or hide.
fn harmless(c: char) -> Option<char> {
    if is_control(c) {
        Some(char::REPLACEMENT_CHARACTER)
    } else if steers_direction(c) || is_invisible(c) {
        None
    } else {
        Some(c)
    }
}

/// C0, DEL and C1: escapes, bells, cursor moves; line and paragraph separators.
const fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}')
}

/// Embedding, override and isolate controls of the bidirectional algorithm, and its marks.
const fn steers_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Soft hyphen, zero-width space, word joiner and its kin, byte order mark, interlinear
/// annotation, tags. Joiners are none of them: scripts and emoji need those.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_lose_what_makes_them_escapes() {
        assert_eq!(line("\x1b[2J\x1b]0;owned\x07"), "�[2J�]0;owned�");
        assert_eq!(line("\u{9b}31m red \u{7f}"), "�31m red �");
    }

    #[test]
    fn direction_overrides_and_invisible_characters_vanish() {
        assert_eq!(
            line("abc\u{202e}txt.exe\u{2066}\u{200b}\u{feff}"),
            "abctxt.exe"
        );
    }

    #[test]
    fn ordinary_text_of_any_script_stays_as_it_is() {
        // Joiners are part of Persian and of family emoji.
        for text in ["Grüße, 世界", "می\u{200c}خواهم", "👩\u{200d}👧 ok"] {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn further_lines_are_indented_and_can_not_imitate_a_message() {
        assert_eq!(
            block("one\n08:00 bob: two\r\nthree\n", 4),
            "one\n    08:00 bob: two\n    three"
        );
        assert_eq!(line("a\nb\tc"), "a b c");
    }
}
