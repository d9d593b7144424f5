//! Memory and queues over the time of a run, with the faults as bands, as SVG.

use std::{collections::BTreeMap, path::Path};

use anyhow::anyhow;
use chat_checker::history::{Fault, Gauge};
use plotters::{
    coord::Shift,
    prelude::{
        BLACK, ChartBuilder, Color as _, DrawingArea, IntoDrawingArea as _, LineSeries, PathElement, RGBColor,
        Rectangle, SVGBackend, SeriesLabelPosition, Text, TextStyle, WHITE,
    },
    style::{
        FontTransform, IntoTextStyle as _,
        text_anchor::{HPos, Pos, VPos},
    },
};

use crate::gauges::{DESCRIPTORS, LAG, MEMORY, PRODUCER_QUEUE, SOCKETS};

const WIDTH: u32 = 1400;
const TITLE: u32 = 40;
/// Names of the faults stand upright above the first panel.
const NAMES: u32 = 110;
const PANEL: u32 = 230;
const MIB: f64 = 1024.0 * 1024.0;
/// Told apart also by those who do not tell red from green (Okabe and Ito), and darker ones of them.
const COLOURS: [RGBColor; 12] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
    RGBColor(140, 60, 0),
    RGBColor(0, 80, 60),
    RGBColor(120, 40, 120),
    RGBColor(0, 0, 120),
    RGBColor(150, 150, 0),
];
const BAND: RGBColor = RGBColor(213, 60, 60);

/// What a panel shows.
struct Panel {
    title: &'static str,
    unit: &'static str,
    gauges: &'static [&'static str],
    stores: bool,
    divisor: f64,
}

const PANELS: [Panel; 4] = [
    Panel { title: "Memory of the services", unit: "MiB resident", gauges: &[MEMORY], stores: false, divisor: MIB },
    Panel { title: "Memory of the stores", unit: "MiB", gauges: &[MEMORY], stores: true, divisor: MIB },
    Panel {
        title: "Queues: records waiting for Kafka (gateways, persister), and lag of the consumers",
        unit: "records",
        gauges: &[PRODUCER_QUEUE, LAG],
        stores: false,
        divisor: 1.0,
    },
    Panel {
        title: "Open descriptors, and sockets of the gateways",
        unit: "number",
        gauges: &[DESCRIPTORS, SOCKETS],
        stores: false,
        divisor: 1.0,
    },
];

type Lines = BTreeMap<String, Vec<(f64, f64)>>;

fn is_store(target: &str) -> bool {
    matches!(target, "kafka" | "redis" | "postgres")
}

/// Points by line. Queues that were empty all the time are left out: their names would say nothing.
fn lines(panel: &Panel, gauges: &[Gauge]) -> Lines {
    let mut lines = Lines::new();
    for gauge in gauges {
        if !panel.gauges.contains(&&*gauge.name) || is_store(&gauge.target) != panel.stores {
            continue;
        }
        let what = match &*gauge.name {
            PRODUCER_QUEUE => " queue",
            LAG => " lag",
            SOCKETS => " sockets",
            _ => "",
        };
        lines
            .entry(format!("{}{what}", gauge.target))
            .or_default()
            .push((minutes(gauge.mono_ns), gauge.value / panel.divisor));
    }
    lines.retain(|_, points| points.iter().any(|(_, value)| *value > 0.0));
    lines
}

#[expect(clippy::cast_precision_loss, reason = "a place on paper")]
fn minutes(ns: u64) -> f64 {
    ns as f64 / 60e9
}

/// Draws everything. `names` are those of the faults, in their order.
pub fn draw(path: &Path, title: &str, gauges: &[Gauge], faults: &[(Fault, String)]) -> anyhow::Result<()> {
    let panels = u32::try_from(PANELS.len())?;
    let height = TITLE + NAMES + panels * PANEL + 20;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    let wrong = |error: &dyn std::fmt::Display| anyhow!("{}: {error}", path.display());
    root.fill(&WHITE).map_err(|error| wrong(&error))?;
    root.draw(&Text::new(title.to_owned(), (12, 10), ("sans-serif", 20))).map_err(|error| wrong(&error))?;
    let end = gauges.iter().map(|gauge| minutes(gauge.mono_ns)).fold(0.1, f64::max);
    let bands: Vec<(f64, f64, &str)> = faults
        .iter()
        .filter_map(|(fault, name)| Some((minutes(fault.start_ns?), minutes(fault.end_ns?), &**name)))
        .collect();
    let (_, mut rest) = root.split_vertically(TITLE);
    for (number, panel) in PANELS.iter().enumerate() {
        let names = if number == 0 { NAMES } else { 0 };
        let (area, below) = rest.split_vertically(PANEL + names);
        rest = below;
        draw_panel(&area, panel, gauges, &bands, end, names).map_err(|error| wrong(&error))?;
    }
    root.present().map_err(|error| wrong(&error))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_panel(
    area: &Area<'_>,
    panel: &Panel,
    gauges: &[Gauge],
    bands: &[(f64, f64, &str)],
    end: f64,
    names: u32,
) -> anyhow::Result<()> {
    let lines = lines(panel, gauges);
    let top = lines.values().flatten().map(|(_, value)| *value).fold(1.0, f64::max) * 1.08;
    let mut chart = ChartBuilder::on(area)
        .margin_top(names + 24)
        .margin_right(230)
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
    // A kill takes no time: it would not be seen otherwise.
    let narrowest = end / 500.0;
    chart.draw_series(bands.iter().map(|(from, to, _)| {
        Rectangle::new([(*from, 0.0), (to.max(from + narrowest), top)], BAND.mix(0.18).filled())
    }))?;
    for (number, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(3)));
    }
    if !lines.is_empty() {
        // In the margin on the right.
        let (x, _) = chart.plotting_area().get_pixel_range();
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::Coordinate(x.end - x.start + 12, 0))
            .label_font(("sans-serif", 12))
            .background_style(WHITE)
            .border_style(WHITE)
            .draw()?;
    }
    let (x, _) = chart.plotting_area().get_pixel_range();
    let (left, above) = area.get_base_pixel();
    area.draw(&Text::new(panel.title.to_owned(), (x.start - left, 3), ("sans-serif", 14)))?;
    if names > 0 {
        let style: TextStyle<'_> = ("sans-serif", 11).into_text_style(area).color(&BLACK);
        let upright = style.transform(FontTransform::Rotate270).pos(Pos::new(HPos::Left, VPos::Center));
        for (from, to, name) in bands {
            let middle = chart.backend_coord(&(f64::midpoint(*from, to.max(from + narrowest)), top));
            area.draw(&Text::new((*name).to_owned(), (middle.0 - left, middle.1 - above - 4), upright.clone()))?;
        }
    }
    Ok(())
}
