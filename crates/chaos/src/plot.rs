//! Memory and queues over the time of a run, with the faults as bands, as SVG.

use std::{collections::BTreeMap, fmt::Display, path::Path};

use anyhow::anyhow;
use chat_checker::history::{Fault, Gauge};
use plotters::{
    coord::Shift,
    prelude::{
        BLACK, ChartBuilder, Color as _, DrawingArea, IntoDrawingArea as _, LineSeries, PathElement, RGBColor,
        Rectangle, SVGBackend, Text, TextStyle, WHITE,
    },
    style::{
        FontTransform, IntoTextStyle as _,
        text_anchor::{HPos, Pos, VPos},
    },
};

use crate::gauges::{DESCRIPTORS, LAG, MEMORY, PRODUCER_QUEUE};

const WIDTH: u32 = 1400;
const TITLE: u32 = 40;
/// Names of the faults stand upright above the first panel.
const NAMES: u32 = 110;
const PANEL: u32 = 220;
const LEGEND: u32 = 230;
const LEGEND_LINE: i32 = 15;
const MIB: f64 = 1024.0 * 1024.0;
const BAND: RGBColor = RGBColor(213, 60, 60);

/// What a panel shows.
struct Panel {
    title: &'static str,
    unit: &'static str,
    gauge: &'static str,
    stores: bool,
    divisor: f64,
}

const fn panel(title: &'static str, unit: &'static str, gauge: &'static str, stores: bool, divisor: f64) -> Panel {
    Panel { title, unit, gauge, stores, divisor }
}

const PANELS: [Panel; 5] = [
    panel("Resident memory of the services", "MiB", MEMORY, false, MIB),
    panel("Memory of the stores", "MiB", MEMORY, true, MIB),
    panel("Records that wait for Kafka in a producer's queue", "records", PRODUCER_QUEUE, false, 1.0),
    panel("Records that a consumer has not taken yet", "records", LAG, false, 1.0),
    panel("Open descriptors", "number", DESCRIPTORS, false, 1.0),
];

fn is_store(target: &str) -> bool {
    matches!(target, "kafka" | "redis" | "postgres")
}

/// One hue for each component, told apart also by those who do not tell red from green (Okabe and Ito); paler for its second and third instance.
fn colour(target: &str) -> RGBColor {
    let (component, instance) =
        target.rsplit_once('-').filter(|(_, it)| it.parse::<u8>().is_ok()).unwrap_or((target, "1"));
    let RGBColor(red, green, blue) = match component {
        "ws-gateway" | "kafka" => RGBColor(0, 90, 160),
        "persister" | "postgres" => RGBColor(200, 80, 0),
        "broadcaster" | "redis" => RGBColor(0, 140, 100),
        "notifier" => RGBColor(190, 80, 150),
        _ => RGBColor(80, 80, 80),
    };
    let paler = |part: u8| match instance {
        "1" => part,
        "2" => part / 2 + 100,
        _ => part / 4 + 165,
    };
    RGBColor(paler(red), paler(green), paler(blue))
}

type Lines<'a> = BTreeMap<&'a str, Vec<(f64, f64)>>;

/// Points by process.
fn lines<'a>(panel: &Panel, gauges: &'a [Gauge]) -> Lines<'a> {
    let mut lines = Lines::new();
    for gauge in gauges.iter().filter(|it| it.name == panel.gauge && is_store(&it.target) == panel.stores) {
        lines.entry(&*gauge.target).or_default().push((minutes(gauge.mono_ns), gauge.value / panel.divisor));
    }
    lines
}

#[expect(clippy::cast_precision_loss, reason = "a place on paper")]
fn minutes(ns: u64) -> f64 {
    ns as f64 / 60e9
}

/// A fault on paper: from, to, name.
type Band<'a> = (f64, f64, &'a str);

/// Draws everything; the faults come with their names.
pub fn draw(path: &Path, title: &str, gauges: &[Gauge], faults: &[(Fault, String)]) -> anyhow::Result<()> {
    let wrong = |error: &dyn Display| anyhow!("{}: {error}", path.display());
    let height = TITLE + NAMES + u32::try_from(PANELS.len())? * PANEL;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE).map_err(|error| wrong(&error))?;
    root.draw(&Text::new(title.to_owned(), (12, 10), ("sans-serif", 20))).map_err(|error| wrong(&error))?;
    let end = gauges.iter().map(|gauge| minutes(gauge.mono_ns)).fold(0.1, f64::max);
    // A kill takes no time: it would not be seen otherwise.
    let narrowest = end / 500.0;
    let band = |(fault, name): &'_ (Fault, String)| -> Option<(f64, f64, String)> {
        let from = minutes(fault.start_ns?);
        Some((from, minutes(fault.end_ns?).max(from + narrowest), name.clone()))
    };
    let bands: Vec<_> = faults.iter().filter_map(band).collect();
    let bands: Vec<Band<'_>> = bands.iter().map(|(from, to, name)| (*from, *to, &**name)).collect();
    let (_, mut rest) = root.split_vertically(TITLE);
    for (number, panel) in PANELS.iter().enumerate() {
        let names = if number == 0 { NAMES } else { 0 };
        let (area, below) = rest.split_vertically(PANEL + names);
        rest = below;
        draw_panel(&area, panel, &lines(panel, gauges), &bands, end, names).map_err(|error| wrong(&error))?;
    }
    root.present().map_err(|error| wrong(&error))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_panel(
    area: &Area<'_>,
    panel: &Panel,
    lines: &Lines<'_>,
    bands: &[Band<'_>],
    end: f64,
    names: u32,
) -> anyhow::Result<()> {
    let top = lines.values().flatten().map(|(_, value)| *value).fold(1.0, f64::max) * 1.08;
    let mut chart = ChartBuilder::on(area)
        .margin_top(names + 24)
        .margin_right(LEGEND)
        .margin_left(8)
        .x_label_area_size(34)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..end, 0.0..top)?;
    chart
        .configure_mesh()
        .x_labels(16)
        .y_labels(6)
        .x_desc("minutes since the start")
        .y_desc(panel.unit)
        .light_line_style(WHITE)
        .x_label_formatter(&|minutes| format!("{minutes:.1}"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .label_style(("sans-serif", 12))
        .axis_desc_style(("sans-serif", 13))
        .draw()?;
    chart.draw_series(
        bands.iter().map(|(from, to, _)| Rectangle::new([(*from, 0.0), (*to, top)], BAND.mix(0.18).filled())),
    )?;
    for (name, points) in lines {
        chart.draw_series(LineSeries::new(points.iter().copied(), colour(name).stroke_width(2)))?;
    }

    let (x, y) = chart.plotting_area().get_pixel_range();
    let (left, above) = area.get_base_pixel();
    area.draw(&Text::new(panel.title, (x.start - left, 3), ("sans-serif", 14)))?;
    let mut at = (x.end - left + 12, y.start - above + 4);
    for (name, points) in lines {
        let most = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        area.draw(&PathElement::new([at, (at.0 + 18, at.1)], colour(name).stroke_width(3)))?;
        area.draw(&Text::new(format!("{name} (most {most:.0})"), (at.0 + 24, at.1 - 6), ("sans-serif", 12)))?;
        at.1 += LEGEND_LINE;
    }
    if names > 0 {
        let style: TextStyle<'_> = ("sans-serif", 11).into_text_style(area).color(&BLACK);
        let upright = style.transform(FontTransform::Rotate270).pos(Pos::new(HPos::Left, VPos::Center));
        for (from, to, name) in bands {
            let middle = chart.backend_coord(&(f64::midpoint(*from, *to), top));
            area.draw(&Text::new(*name, (middle.0 - left, middle.1 - above - 4), upright.clone()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chat_checker::history::FaultKind;

    use super::*;

    #[test]
    fn what_was_measured_and_what_was_done_is_on_the_paper() {
        let gauge = |mono_ns: u64, target: &str, name: &str, value: f64| Gauge {
            mono_ns,
            target: target.to_owned(),
            name: name.to_owned(),
            value,
            limit: 1e9,
        };
        let gauges = [
            gauge(0, "persister-1", MEMORY, 40.0 * MIB),
            gauge(60_000_000_000, "persister-1", MEMORY, 41.0 * MIB),
            gauge(60_000_000_000, "kafka", MEMORY, 400.0 * MIB),
        ];
        let fault = Fault {
            id: "f1".to_owned(),
            fault: FaultKind::Kill,
            target: "kafka".to_owned(),
            planned_start_ns: 0,
            planned_end_ns: 0,
            start_ns: Some(30_000_000_000),
            end_ns: Some(31_000_000_000),
            evidence: Vec::new(),
            group: None,
            budget_ms: None,
        };
        let path = std::env::temp_dir().join(format!("chat-chaos-{}.svg", uuid::Uuid::new_v4()));
        draw(&path, "a soak", &gauges, &[(fault, "kafka kill".to_owned())]).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        for words in ["a soak", "kafka kill", "persister-1 (most 41)", "kafka (most 400)", "minutes since the start"] {
            assert!(svg.contains(words), "{words}");
        }
    }
}
