//! Tables of Markdown that also read well in a terminal.

/// Columns as wide as their longest cell. The first `left` columns are text, the others numbers, which stand at the right.
pub fn table(head: &[&str], left: usize, lines: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let width = |column: usize| {
        let cells = std::iter::once(&head).chain(lines).filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        ["| ", &padded.collect::<Vec<_>>().join(" | "), " |\n"].concat()
    };
    let rule = |(column, width): (usize, &usize)| {
        if column < left { "-".repeat(*width) } else { "-".repeat(width.saturating_sub(1)) + ":" }
    };
    let rules = line(&widths.iter().enumerate().map(rule).collect());
    let lines: String = lines.iter().map(line).collect();
    [line(&head), rules, lines].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stands_left_and_numbers_right() {
        let lines = [vec!["one".to_owned(), "1".to_owned()], vec!["seven hundred".to_owned(), "700".to_owned()]];
        let expected = [
            "| what          |  ms |\n",
            "| ------------- | --: |\n",
            "| one           |   1 |\n",
            "| seven hundred | 700 |\n",
        ];
        assert_eq!(table(&["what", "ms"], 1, &lines), expected.concat());
    }
}
