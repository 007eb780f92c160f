//! A check that a text is well-formed XML, as far as SVG written by a program needs it.

/// `Err` says what is wrong: tags that do not match, a bare ampersand, a control character, no end.
pub(crate) fn check(text: &str) -> Result<(), String> {
    if let Some(control) = text.chars().find(|c| c.is_control() && *c != '\n') {
        return Err(format!("control character {control:?}"));
    }
    let entities = ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"];
    for (at, _) in text.match_indices('&') {
        if !entities.iter().any(|entity| text[at..].starts_with(entity)) {
            return Err(format!("bare & at byte {at}"));
        }
    }
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, following) = after.split_once('>').ok_or("a tag does not end")?;
        if tag.contains('<') || tag.matches('"').count() % 2 == 1 {
            return Err(format!("broken tag <{tag}>"));
        }
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().ok_or("empty tag")?);
        }
        rest = following;
    }
    if open.is_empty() { Ok(()) } else { Err(format!("not closed: {open:?}")) }
}
