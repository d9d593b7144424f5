//! Puts what was measured into a document, between two marks.

use std::{fs, path::Path};

use anyhow::Context as _;

/// Replaces what is between `<!-- table: NAME -->` and `<!-- end of table: NAME -->`.
pub fn write(path: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let document = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let written = replaced(&document, name, text).with_context(|| {
        format!("{} has no marks <!-- table: {name} --> and <!-- end of table: {name} -->", path.display())
    })?;
    fs::write(path, written).with_context(|| path.display().to_string())
}

fn replaced(document: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- table: {name} -->\n"), format!("<!-- end of table: {name} -->"));
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some([before, &begin, "\n", text.trim_end(), "\n\n", &end, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced_and_as_often_as_wanted() {
        let document = "a\n<!-- table: x -->\nold\n<!-- end of table: x -->\nb\n";
        let once = replaced(document, "x", "new\n").unwrap();
        assert_eq!(once, "a\n<!-- table: x -->\n\nnew\n\n<!-- end of table: x -->\nb\n");
        assert_eq!(replaced(&once, "x", "new").unwrap(), once);
        assert_eq!(replaced(document, "y", "new"), None);
    }
}
