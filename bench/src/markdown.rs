//! Tables in Markdown.

/// A table, whose columns of numbers are aligned to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let rule = (0..header.len()).map(|column| {
        let mut cells = rows.iter().filter_map(|row| row.get(column));
        if cells.all(|cell| is_number(cell)) {
            "---:"
        } else {
            "---"
        }
    });
    let mut table = line(header) + &line(&rule.collect::<Vec<_>>());
    for row in rows {
        table += &line(row);
    }
    table
}

/// Whether a cell begins like a number; an empty cell counts as one.
fn is_number(cell: &str) -> bool {
    let starts = |c: char| c.is_ascii_digit() || "≤–".contains(c);
    cell.chars().next().is_none_or(starts)
}

fn line<T: AsRef<str>>(cells: &[T]) -> String {
    let cells = cells.iter().map(|cell| format!(" {} |", cell.as_ref()));
    format!("|{}\n", cells.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_numbers_end_at_the_right() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["record", "1.50 (1–2)", ""]),
            row(["2 × list", "–", "≤ 3"]),
        ];
        assert_eq!(
            table(&["who", "ms", "goal"], &rows),
            "| who | ms | goal |\n| --- | ---: | ---: |\n\
             | record | 1.50 (1–2) |  |\n| 2 × list | – | ≤ 3 |\n"
        );
    }
}
