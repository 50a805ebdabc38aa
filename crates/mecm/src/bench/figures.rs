//! Figures of several runs: the median, and from the least to the most.

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;

/// Named figures in the order in which they were first measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures(Vec<Figure>);

#[derive(Clone, Debug)]
struct Figure {
    name: String,
    unit: &'static str,
    processes: &'static str,
    values: Vec<f64>,
}

impl Figures {
    /// One more measurement of this figure, which is about these processes.
    pub(super) fn add(&mut self, name: &str, unit: &'static str, processes: &'static str, value: f64) {
        match self.0.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.values.push(value),
            None => self.0.push(Figure {
                name: name.to_owned(),
                unit,
                processes,
                values: vec![value],
            }),
        }
    }

    pub(super) fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_header(["figure", "median", "least", "most", "unit", "runs", "services"]);
        for figure in &self.0 {
            let mut sorted = figure.values.clone();
            sorted.sort_by(f64::total_cmp);
            let show = |value: Option<&f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
            table.add_row([
                figure.name.clone(),
                show(median(&sorted).as_ref()),
                show(sorted.first()),
                show(sorted.last()),
                figure.unit.to_owned(),
                sorted.len().to_string(),
                figure.processes.to_owned(),
            ]);
        }
        table.to_string()
    }
}

/// Of an even number of values, between the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    let upper = sorted.get(half)?;
    if sorted.len() % 2 == 1 {
        return Some(*upper);
    }
    Some((sorted[half - 1] + upper) / 2.0)
}

/// The value under which `share` of the values are.
pub(super) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share).ceil() as usize;
    values.get(at.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_measured_value() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&mut values, 0.5), 50.0);
        assert_eq!(quantile(&mut values, 0.99), 99.0);
        assert_eq!(quantile(&mut [7.0], 0.99), 7.0);
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 9.0]), Some(3.0));
    }

    #[test]
    fn the_table_shows_median_and_spread() {
        let mut figures = Figures::default();
        for value in [3.0, 1.0, 2.0] {
            figures.add("time", "s", "all in one", value);
        }
        let table = figures.table();
        assert!(
            table.contains("2.00") && table.contains("1.00") && table.contains("3.00"),
            "{table}"
        );
    }
}
